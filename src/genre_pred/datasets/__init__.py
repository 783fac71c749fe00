"""Where labelled music comes from, which of it is kept, and how it is split."""
