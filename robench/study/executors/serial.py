"""The executor that runs one job after another in this process."""

from __future__ import annotations

from dataclasses import replace

from robench.errors import RobenchError, blame_foreign_code
from robench.plugins import plugin_files
from robench.study.executors.job import AttackJob, Job, JobEnd
from robench.study.executors.run_job import attack_shards, use_threads
from robench.study.stages.context import Context


class SerialExecutor:
    """An executor that runs one job after another in this process, each with all the threads that it asks for.

    Args:
        context: store, device and models in memory.
    """

    slots = 1

    def __init__(self, context: Context) -> None:
        self._context = context
        self._jobs: list[Job] = []

    def submit(self, job: Job) -> None:
        """Put a job at the end of the queue."""
        self._jobs.append(job)

    def wait(self, timeout: float | None) -> list[JobEnd]:
        """Run the next job to its end."""
        if not self._jobs:
            return []
        job = self._jobs.pop(0)
        try:
            self._run(job)
        except RobenchError as error:
            return [JobEnd(job, error)]
        return [JobEnd(job)]

    def close(self) -> None:
        """Forget the jobs that have not begun."""
        self._jobs.clear()

    def _run(self, job: Job) -> None:
        context = replace(self._context, reporter=job.reporter)  # which shares the models in memory
        with use_threads(job.threads), blame_foreign_code(plugin_files.name_file):
            if isinstance(job, AttackJob):
                attack_shards(context, job.stage, job.rows.take, job.rows.keep)
            else:
                job.stage.make(context, job.folder)
