"""Network architectures, their weights, and frozen backbones that embed patches."""
