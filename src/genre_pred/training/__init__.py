"""Models learned from labelled clips, and the calibration of their scores."""
