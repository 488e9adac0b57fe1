"""grad_cam(): which places of a picture the last map of a Keras classifier speaks for, by its gradients."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lepton_edge_converters import cards
from lepton_edge_converters.load.from_file import load_file
from lepton_edge_converters.load.loaded import LoadOptions
from lepton_edge_converters.load.opened import as_loaded, open_for_conversion
from lepton_edge_converters.preparation import require_converter, silent
from lepton_edge_converters.said import say
from lepton_edge_converters.worker import Progress, workplace
from lepton_edge_runtime.errors import InputError
from lepton_edge_runtime.explanation.explanation import Explanation
from lepton_edge_runtime.explanation.heat import enlarged
from lepton_edge_runtime.explanation.questions import class_number
from lepton_edge_runtime.images import Image, read_image
from lepton_edge_runtime.plan import placed_pixels
from lepton_edge_runtime.preprocess import Preprocess
from lepton_edge_runtime.results.naming import name_of
from lepton_edge_runtime.tasks.placing import cells_of_picture

_JOB = "lepton_edge_converters.load.gradients:grad_cam_file"


def grad_cam(
    model: Any,
    image: Image | str | Path,
    *,
    target: str | int | None = None,
    layer: str = "",
    labels: str | Path | Sequence[str] | None = None,
    preprocess: Preprocess | None = None,
    custom: Sequence[str] = (),
    custom_objects: Mapping[str, Any] | None = None,
    trust: bool = False,
    verbose: bool = False,
    progress: Progress | None = None,
) -> Explanation:
    """Return which places of a picture raise the score of a class, by the gradients of a Keras model.

    Args:
        model: As ``convert`` takes it, but no SavedModel.
        image: Height × width × 3, BGR, or height × width, grey, ``uint8``; or the path of a picture.
        target: The class to explain, by name or number; by default the one of the highest score.
        layer: Name of the layer whose map is looked at; by default the last convolution, with the normalization and
            the activation that follow it.
        labels: Names of the classes in the model's order, or a text file with one a line.
        preprocess: How the picture becomes the model's input; what it leaves open is taken from the model.
        custom: ``module:Name`` of each class or function of your own that the file is made of.
        custom_objects: The same as objects, by name; the file is then loaded in this process.
        trust: Whether Python code inside the file (``Lambda`` layers) may run.
        verbose: Let the libraries print.
        progress: Called with what is being done, how much is done, and how much there is.

    Raises:
        LeptonError: The model, its layer, the class or the picture is not usable.

    Example:
        >>> explanation = grad_cam("birds.keras", "parrot.jpg", labels="birds.txt")   # doctest: +SKIP
        >>> explanation.by                                                            # doctest: +SKIP
        'top_activation'
    """
    require_converter()
    told, said = progress or silent, say(labels, None, "", preprocess)
    picture = read_image(image) if isinstance(image, str | Path) else image
    options = LoadOptions(tuple(custom), trust)
    with workplace(verbose=verbose) as (_, worker):
        told("loading the model", 0, 1)
        opened = open_for_conversion(model, worker, options, custom_objects or {})
        facts = opened.describe(said.preprocess.size if said.preprocess else None, [])
        (completed, *others), _ = cards.complete_preprocess(facts, said.preprocess, [])
        if completed is None or others or completed.size is None:
            raise InputError("only models of one input, which takes pictures, can be explained")
        names = said.labels or facts.labels
        class_id = None if target is None else class_number(target, names)
        pixels, placement = placed_pixels(completed, picture)
        tensor = completed.to_real(pixels[np.newaxis])
        told("gradients", 0, 1)
        if isinstance(model, str | Path) and not custom_objects:
            found = worker.call(_JOB, Path(model).resolve(), options, tensor, class_id, layer)
        else:
            from lepton_edge_converters.load.gradients import grad_cam_loaded  # noqa: PLC0415 - imports TensorFlow

            by_path = isinstance(model, str | Path)
            loaded = load_file(Path(model), options, custom_objects or {}) if by_path else as_loaded(model)
            found = grad_cam_loaded(loaded, tensor, class_id, layer)
    region, box = cells_of_picture(placement, completed.size)
    heat = enlarged(found.heat / (float(found.heat.max()) or 1.0), *completed.size)[region]
    label = name_of(found.class_id, names)
    size = placement.width, placement.height
    return Explanation(heat, box, size, "gradcam", label, found.class_id, found.score, None, 1, found.layer)
