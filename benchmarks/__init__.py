"""How fast the costly steps are, against what people use today: `make bench`."""
