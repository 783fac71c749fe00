"""Patches into embeddings, by a frozen backbone."""
