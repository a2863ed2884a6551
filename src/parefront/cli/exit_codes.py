"""The exit codes of the command; those of errors of a search (3, 4) come with the errors."""

BUG, USAGE, DEVICE_UNREACHABLE, INTERRUPTED, READER_GONE = 1, 2, 5, 130, 141
