"""What a user did wrong, or what their machine lacks, said in a sentence or two."""


class RobenchError(Exception):
    """A failure that the user can mend.

    Its message is one or two sentences: what was wrong, where (file, row, field) and what to do.
    The command line prints it to stderr and exits with code 2; a traceback is never shown for one of these.
    """
