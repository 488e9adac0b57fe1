"""Files of the tests' models, each built and saved once a folder, in a worker process."""


def saver(worker, job, folder):
    """Return a function: the ``.keras`` file of a kind of model, which ``job(kind, path)`` saves if it is not there."""

    def saved(kind):
        path = folder / f"{kind}.keras"
        if not path.exists():
            worker.call(job, kind, path)
        return path

    return saved
