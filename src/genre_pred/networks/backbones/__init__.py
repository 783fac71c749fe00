"""Pretrained networks that turn a patch into an embedding."""
