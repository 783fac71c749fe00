"""Many songs at once: heard on every core, written as they come, scored where they are labelled."""
