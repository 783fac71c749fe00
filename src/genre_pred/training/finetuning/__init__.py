"""Fine-tuning of networks on log-mel patches."""
