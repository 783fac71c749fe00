"""Training of models on labelled clips, and calibration of their scores."""
