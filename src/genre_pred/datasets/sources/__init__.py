"""Collections of sound: each source lays its files out and reads their labels."""
