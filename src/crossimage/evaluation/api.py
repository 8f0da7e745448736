"""Evaluation for Python users; the command line calls the same function."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from crossimage.checkpoints.addresses import model_path
from crossimage.data.sources.domains.data_set import Data, DataSet, read_data_set, recorded
from crossimage.evaluation.compare import compare, open_galleries
from crossimage.evaluation.galleries.base import FolderGallery, Gallery
from crossimage.evaluation.galleries.results import real_beside
from crossimage.evaluation.galleries.videos import ModelVideo, VideoPair
from crossimage.evaluation.options import Backbone, Options, Resize, check_given
from crossimage.evaluation.report.page import check_out
from crossimage.evaluation.report.result import EvaluationResult, report_result
from crossimage.evaluation.study import add_study
from crossimage.inference.load import load
from crossimage.inference.translator import Translator
from crossimage.utils.names import titles_of
from crossimage.utils.paths import as_path
from crossimage.utils.progress import ProgressCallback


def evaluate(
    *models: str | Path | Translator,
    data: Data | None = None,
    fake: str | Path | None = None,
    real: str | Path | None = None,
    video: str | Path | None = None,
    study: str | Path | None = None,
    out: str | Path | None = None,
    titles: Sequence[str] | None = None,
    metrics: str | Iterable[str] = (),
    to: str | None = None,
    inputs: int | None = None,
    samples: int | None = None,
    seed: int = 0,
    features: str = "inception",
    lpips: Backbone = "alex",
    lpips_weights: str | None = None,
    classifier: str | Path | None = None,
    segmenter: str | Path | None = None,
    face_network: str | Path | None = None,
    face_threshold: float = 0.6,
    device: str = "auto",
    resize: Resize = "tensorflow",
    size: int | None = None,
    references: int = 1,
    unseen_classifier: str | Path | None = None,
    vgg_weights: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
    on_progress: ProgressCallback | None = None,
) -> EvaluationResult:
    """Evaluate trained models, or a folder of results, and optionally write a report.

    ``crossimage.evaluate("runs/munit", "runs/unit", data="shoes", metrics="fid,lpips")`` compares
    two runs on the test images of a data set, and ``crossimage.evaluate(fake="results",
    real="photos")`` compares a folder of results with real images. Nothing is printed. Errors name
    options as the command line does.

    Args:
        models: Run folders, model files or translators, evaluated side by side.
        data: The data set whose test images are translated, as for :func:`crossimage.train`. If it
            has none, the images are used that training held out.
        fake: A folder of results to evaluate instead of models. They are grouped by their list,
            ``crossimage.jsonl``, or by the names of official codebases (``x_fake_B.png``), or by
            numbers: ``name_1.png``, ``name_2.png``, ... are outputs for one input.
        real: The folder of real images to compare these with; not needed for official folders that
            hold them beside the results (``x_real_B.png``). Or an ``.npz`` file of their
            statistics (clean-fid, pytorch-fid), for fid.
        video: A video, a GIF or animated WebP, or a folder of numbered frames, for flicker. Models
            translate it as ``crossimage video`` does, or ``fake`` is its translation; both take the
            place of ``data`` and ``real``. With ``inputs``, its first frames count.
        study: Folder of a study with people that was analysed; its figures are added.
        out: Folder for ``report.json`` and ``report.html``, or, beside earlier ones,
            ``report-2.json`` and so on; None: no report is written.
        titles: Titles of the models; by default what distinguishes their paths.
        metrics: Names of metrics, such as ``"fid,kid"`` or ``["fid", "kid"]``; by default all that
            apply. One that can't be computed is left out, and ``missing`` says why.
        to: The target domain, or labels; see ``crossimage evaluate --help``.
        inputs: Number of inputs, evenly spaced; None: all, and 100 for lpips and cis. For models
            that generate from noise, the number of images.
        samples: Outputs per input; None: as each metric is published.
        seed: Seed of the outputs and of all random choices.
        features: Network of fid, kid and is: ``inception``, a file of its weights or of a trained
            classifier, or ``random``.
        lpips: Backbone of the perceptual distance: ``alex``, ``vgg`` or ``squeeze``.
        lpips_weights: A file of the backbone's weights, or ``random``; None: from the cache.
        classifier: File of a trained classifier, for cis, accuracy, error and
            translation_accuracy.
        segmenter: File of a trained segmenter, for fcn.
        face_network: File of VGG-Face, or of a classifier of faces, for identity.
        face_threshold: Cosine similarity from which on two faces count as the same person.
        device: Where to compute: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ...; translators stay
            where they are.
        resize: How images are resized for fid, kid and is: ``tensorflow``, as in most published
            figures, or ``clean``, as by clean-fid.
        size: Height and width in pixels that images are resized to before anything else for fid,
            kid and is, such as 128.
        references: References for each output of a few-shot model, K.
        unseen_classifier: File of a classifier of the unseen classes alone, for unseen_accuracy.
        vgg_weights: A file of VGG16's weights, or ``random``, for dipd; None: from the cache.
        settings: Settings of the models that may be changed after training, as for
            :func:`crossimage.load`, such as ``{"test_mode": "eval"}``.
        on_progress: Called with a description, the number of finished items and their total.

    Returns:
        The figures of every model, and why it lacks metrics.

    Raises:
        FileNotFoundError: A model, a folder or a file that an option names is missing.
        PermissionError: ``out`` can't be written to.
        ValueError: The data does not fit a model, no metric can be computed, an image can't be
            used, or ``out`` is a file.

    Example:
        >>> result = crossimage.evaluate("runs/munit", data="shoes", metrics=["fid", "lpips"])
        >>> result["munit"]["fid"].value, result["munit"]["fid"].direction.better
    """
    if any(isinstance(model, list | tuple) for model in models):
        raise TypeError("models are separate arguments: evaluate('runs/a', 'runs/b', data=...)")
    options = Options(
        to=to, metrics=metrics if isinstance(metrics, str) else ",".join(metrics), inputs=inputs,
        samples=samples, seed=seed, features=features, lpips=lpips, lpips_weights=lpips_weights,
        classifier=_text(classifier), segmenter=_text(segmenter),
        face_network=_text(face_network), face_threshold=face_threshold, device=device,
        resize=resize, size=size, references=references,
        unseen_classifier=_text(unseen_classifier), vgg_weights=_text(vgg_weights),
    )  # fmt: skip
    folder = None if out is None else as_path(out, "--out")
    if folder is not None:
        check_out(folder)
    images = None if data is None else read_data_set(data)
    moving = None if video is None else as_path(video, "--video")
    check_given(models, data=data, fake=fake, real=real, video=video, settings=settings)
    if fake is not None:
        results = as_path(fake, "--fake")
        asked, galleries = _video(moving, results) if moving else _folders(results, real, to)
    else:
        asked, galleries = _models(models, titles, images, options, settings or {}, moving)
    evaluations = compare(galleries, options, on_progress)
    if study is not None:
        asked["study"] = str(study)
        evaluations = add_study(evaluations, as_path(study, "--study"))
    return report_result(evaluations, asked | options.to_dict(), folder)


Galleries = tuple[dict[str, Any], list[Callable[[], Sequence[Gallery]]]]
"""The chosen options as plain data, and functions that open the galleries of each model."""


def _video(video: Path, fake: Path) -> Galleries:
    return {"video": str(video), "fake": str(fake)}, [lambda: (VideoPair(video, fake),)]


def _folders(fake: Path, real: str | Path | None, to: str | None) -> Galleries:
    folders = fake, real_beside(fake, to) if real is None else as_path(real, "--real")
    return {"fake": str(folders[0]), "real": str(folders[1])}, [
        lambda: (FolderGallery(*folders, to),)
    ]


def _models(
    models: Sequence[str | Path | Translator], titles: Sequence[str] | None,
    data: DataSet | None, options: Options, settings: Mapping[str, Any], video: Path | None,
) -> Galleries:  # fmt: skip
    if settings and any(isinstance(model, Translator) for model in models):
        raise ValueError("settings apply to models given as paths; pass them to crossimage.load")
    runs = [m if isinstance(m, Translator) else model_path(m, "a run") for m in models]
    names = _names(models)
    titles = titles_of(names) if titles is None else titles
    if len(titles) != len(models):
        raise ValueError(f"found {len(titles)} titles for {len(models)} models")

    def opened(title: str, run: Path | Translator) -> Sequence[Gallery]:
        model = run if isinstance(run, Translator) else load(run, options.device, settings=settings)
        galleries: Sequence[Gallery]
        if video is not None:
            galleries = (ModelVideo(title, model, video, options.to, options.seed),)
        else:
            assert data is not None
            galleries = open_galleries(title, model, data, options)
        for gallery in galleries:
            if isinstance(run, Path):
                gallery.facts["model"] = str(run)
            gallery.run = model.run_folder
        return galleries

    asked: dict[str, Any] = {"runs": _names(runs)}
    asked |= {"video": str(video)} if data is None else {"data": recorded(data)}
    if settings:
        asked["settings"] = dict(settings)
    return asked, [partial(opened, title, run) for title, run in zip(titles, runs, strict=True)]


def _names(models: Sequence[str | Path | Translator]) -> list[str]:
    """Return paths as text, and the methods of translators, numbered where several share one."""
    methods = [model.method for model in models if isinstance(model, Translator)]
    names = []
    for number, model in enumerate(models, 1):
        if isinstance(model, Translator):
            repeated = methods.count(model.method) > 1
            names.append(f"{model.method} ({number})" if repeated else model.method)
        else:
            names.append(str(model))
    return names


def _text(path: str | Path | None) -> str | None:
    return None if path is None else str(path)
