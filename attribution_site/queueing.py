"""Work for a worker, asked for where something was written."""

from django.db import transaction


def queue_on_commit(task, *args):
    """Queue it once the transaction commits.

    What was written stands by then, so a broker that is away must not make its answer an error, and its sender write it
    again: it is logged, and beat's sweepers find the work in the database.
    """

    def queue():
        task.delay(*args)

    transaction.on_commit(queue, robust=True)
