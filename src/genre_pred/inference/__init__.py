"""Sound in, genre out."""
