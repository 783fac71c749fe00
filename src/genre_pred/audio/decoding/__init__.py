"""Audio files to excerpts and waveforms."""
