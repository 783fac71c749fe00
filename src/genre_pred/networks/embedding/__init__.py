"""Patches to embeddings, by a frozen backbone."""
