"""The error for mistakes of the user and for things that their machine lacks."""


class RobenchError(Exception):
    """A failure that the user can fix.

    The message is one or two sentences: what was wrong, where (file, row, field) and what to do.
    The command line prints it to stderr, without a traceback, and exits with code 2.
    """
