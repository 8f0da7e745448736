from dataclasses import field

import pytest

from crossimage.config import (
    ClassesConfig,
    Config,
    Facts,
    Indices,
    build,
    differences,
    flatten,
    keys,
    micro_batch_size,
    read_yaml,
    settings,
    to_dict,
    write_yaml,
)
from crossimage.methods import METHODS


@settings
class Weights:
    cycle: float = 10.0
    image: float = 1.0


@settings
class Nested(Config):
    weights: Weights = field(default_factory=Weights)


def test_defaults_stand_where_nothing_is_said():
    assert build(Nested) == Nested()


def test_later_layers_win_value_by_value():
    config = build(
        Nested, {"steps": 5, "weights": {"cycle": 1, "image": 2}}, {"weights": {"cycle": 3}}
    )
    assert (config.steps, config.weights.cycle, config.weights.image) == (5, 3, 2)


def test_building_changes_no_layer():
    recipe = {"weights": {"cycle": 1}}
    build(Nested, recipe, {"weights": {"cycle": 3}})
    assert recipe == {"weights": {"cycle": 1}}


@pytest.mark.parametrize(
    ("wrong", "near"),
    [
        ({"batchsize": 1}, "unknown key 'batchsize'; did you mean 'batch_size'?"),
        ({"weights": {"cylce": 1}}, "unknown key 'weights.cylce'; did you mean 'weights.cycle'?"),
        ({"cycle": 1}, "unknown key 'cycle'; did you mean 'weights.cycle'?"),
        ({"qqqqqq": 1}, "unknown key 'qqqqqq'"),
    ],
)
def test_an_unknown_key_names_the_nearest(wrong, near):
    with pytest.raises(ValueError) as caught:
        build(Nested, wrong, source="my.yaml")
    assert str(caught.value) == f"my.yaml: {near}"


@pytest.mark.parametrize("steps", ["1e5", 1e5, "100_000", "100000", "1.0e5", 100_000])
def test_whole_numbers_may_be_in_the_notation_of_floating_point_numbers(steps):
    assert build(Config, {"steps": steps}).steps == 100_000


@pytest.mark.parametrize("steps", ["1.5", "1e-1", "1k", "inf", "nan", "1e99", 1.5, "", True])
def test_numbers_that_are_not_whole_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps: .* found"):
        build(Config, {"steps": steps})


def test_crops_and_channels_are_whole_numbers_too():
    config = build(Config, {"crop": "1.28e2", "channels": "3e0,1"})
    assert (config.crop, config.channels) == ((128, 128), (3, 1))


@pytest.mark.parametrize(
    ("method", "key", "said"),
    [
        ("cyclegan", "lr", "it is called 'learning_rate' here"),
        ("cyclegan", "crop_size", "it is called 'crop' here"),
        ("cyclegan", "load_size", "it is called 'resize' here"),
        ("cyclegan", "lambda_identity", r"'weights.identity' here .*0.5 there .* is 5 here"),
        ("cyclegan", "netG", "'residual_blocks' here"),
        ("pix2pix", "netG", "'generator' here"),
        ("cyclegan", "ndf", "'discriminator.width' here"),
        ("dtn", "ndf", "'discriminator_width' here"),
        ("cyclegan", "batchSize", "'batch_size' here"),
        ("stargan", "lambda_gp", "'weights.penalty' here"),
        ("munit", "lambda_gp", "'weights.gradient_penalty' here"),
        ("munit", "recon_x_cyc_w", "'weights.cycle' here"),
        ("munit", "lambda_identity", "in other methods, and this one has no such setting"),
        ("munit", "dataroot", "it is called '--data' here"),
        ("cyclegan", "direction", "crossimage translate --to"),
    ],
)
def test_names_of_other_codebases_are_known(method, key, said):
    with pytest.raises(ValueError, match=f"unknown key '{key}'; .*{said}"):
        build(METHODS[method].Config, {key: 1})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"steps": "many"}, "steps: .*'many'"),
        ({"steps": 0}, "steps: .* greater than or equal to 1, found 0"),
        ({"batch_size": 3, "accumulate": 2}, "multiple of accumulate"),
        ({"channels": 0}, "channels.0: .* greater than or equal to 1"),
        ({"crop": 0}, "crop.0: .* greater than or equal to 1"),
        ({"value_range": [1, 0]}, "value_range must be"),
        ({"ema_decay": 1}, "ema_decay: .* less than 1"),
        ({"precision": "fp8"}, "precision: .*'fp8'"),
        ({"weights": {"cycle": "x"}}, "weights.cycle: .*'x'"),
    ],
)
def test_values_that_no_run_could_use_are_refused(wrong, said):
    with pytest.raises(ValueError, match=said):
        build(Nested, wrong)


@pytest.mark.parametrize(
    ("given", "crop"), [(64, (64, 64)), ("64", (64, 64)), ([64, 32], (64, 32)), ("64,32", (64, 32))]
)
def test_a_crop_is_one_number_or_height_and_width(given, crop):
    assert build(Config, {"crop": given}).crop == crop


def test_names_are_separated_by_commas():
    assert build(Config, {"domains": "edges, shoes"}).domains == ("edges", "shoes")


@pytest.mark.parametrize(
    ("given", "names", "made"),
    [
        ("none", (), ()),
        ("", (), ()),
        ("cutout, color", ("cutout", "color"), ("cutout", "color")),
        (["color", "color"], ("color",), ("color",)),
        ("adaptive", ("adaptive",), ("color", "translation", "cutout")),
        ("adaptive,translation", ("adaptive", "translation"), ("translation",)),
    ],
)
def test_augmentations_are_named(given, names, made):
    config = build(Config, {"augment": given})
    assert (config.augment, config.augmentations) == (names, made)
    assert build(Config, to_dict(config)) == config


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("colour,cutout", "augment: 'colour' is not an augmentation; did you mean 'color'.; exp"),
        ("translate", "did you mean 'translation'"),
        ("ada", "'ada' is not .*expected one or more of color, translation, cutout, adaptive"),
        ("none,color", "'none' is not an augmentation.*or none alone"),
        (True, "expected names separated by commas, such as color,translation,cutout"),
        (0.5, "expected names"),
        ({"color": 1}, "expected names"),
    ],
)
def test_unknown_augmentations_name_the_nearest(given, said):
    with pytest.raises(ValueError, match=said):
        build(Config, {"augment": given})


def test_yaml_there_and_back(tmp_path):
    config = build(Nested, {"crop": 64, "domains": "a,b", "weights": {"cycle": 3}})
    (tmp_path / "c.yaml").write_text(write_yaml(to_dict(config)))
    assert build(Nested, read_yaml(tmp_path / "c.yaml")) == config


def test_bad_yaml_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "none.yaml")
    for content in ("a: [", "- 1\n- 2\n", "\x00"):
        (tmp_path / "c.yaml").write_text(content)
        with pytest.raises(ValueError, match=r"c\.yaml"):
            read_yaml(tmp_path / "c.yaml")
    (tmp_path / "c.yaml").write_text("")
    assert read_yaml(tmp_path / "c.yaml") == {}


def test_keys_and_values_have_the_same_dotted_names():
    assert list(keys(Nested)) == list(flatten(Nested()))
    assert "weights.cycle" in flatten(Nested())


def test_differences_name_key_old_and_new():
    new = build(Nested, {"steps": 5, "weights": {"cycle": 3}})
    assert differences(Nested(), new, lambda key: key == "steps") == ["weights.cycle: 10.0 -> 3.0"]


def test_epochs_are_steps_over_the_largest_domain():
    config = build(Config, {"epochs": 2.5, "decay_epochs": 1, "batch_size": 4}).in_steps(10)
    assert (config.steps, config.decay_steps) == (7, 3)  # ceil(25 / 4), ceil(10 / 4)
    assert (config.epochs, config.decay_epochs) == (0, 0)
    assert config.in_steps(1000) == config


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (({"epochs": 3}, {"steps": 5}), 5),
        (({"steps": 5}, {"epochs": 3}), 30),
        (({"epochs": 3}, {"steps": 5}, {"epochs": 2}), 20),
        (({"epochs": 3}, {"steps": 5, "epochs": 0}), 5),
    ],
)
def test_of_steps_and_epochs_the_one_set_last_counts(layers, expected):
    assert build(Config, *layers).in_steps(10).steps == expected


def test_where_steps_and_epochs_are_set_together_the_epochs_count():
    config = build(Config, {"steps": 3, "epochs": 2, "decay_steps": 1, "decay_epochs": 1})
    assert (config.in_steps(10).steps, config.in_steps(10).decay_steps) == (20, 10)


def test_a_run_shorter_than_its_decay_decays_from_the_start():
    config = build(Config, {"epochs": 20, "decay_epochs": 10}, {"steps": 8}).in_steps(10)
    assert (config.steps, config.decay_steps) == (8, 8)


def test_decay_epochs_switch_off_a_recipes_decay_steps():
    assert build(Config, {"decay_steps": 5}, {"decay_epochs": 0}).in_steps(10).decay_steps == 0


def test_facts_complete_a_config_and_leave_the_rest_as_it_is():
    config = build(Nested, {"epochs": 2, "batch_size": 4, "weights": {"cycle": 3}})
    completed = config.complete(Facts(domains=("x", "y"), epoch=10, classes=("p", "q")))
    assert (completed.domains, completed.steps, completed.epochs) == (("x", "y"), 5, 0)
    changed = {line.split(":")[0] for line in differences(config, completed, lambda key: False)}
    assert changed == {"domains", "steps", "epochs"}


def test_classes_come_from_the_data_where_it_tells_them():
    config = build(ClassesConfig, {"classes": "0,1"})
    assert config.complete(Facts(("a", "b"), 1)).classes == ("0", "1")
    assert config.complete(Facts(("a", "b"), 1, classes=("p", "q"))).classes == ("p", "q")


def test_a_batch_is_divided_evenly_into_micro_batches_and_processes():
    assert micro_batch_size(12, 2) == 6
    assert micro_batch_size(12, 2, processes=3, multiple=2) == 2
    with pytest.raises(ValueError, match=r"\(12\) must be a multiple of accumulate \(5\)$"):
        micro_batch_size(12, 5)
    with pytest.raises(ValueError, match=r"accumulate \(2\) x processes \(4\)$"):
        micro_batch_size(12, 2, processes=4)
    with pytest.raises(ValueError, match="a multiple of 2 images at a time, and a process sees 3"):
        micro_batch_size(12, 2, processes=2, multiple=2)


@pytest.mark.parametrize("ranges", ["0,4095", (0, 4095), {"a": "0,4095", "b": [-1000, 3000]}])
def test_a_range_of_values_is_one_for_all_domains_or_one_each(ranges):
    config = build(Config, {"value_range": ranges})
    assert config.range_of("a") == (0, 4095)
    assert config.range_of("b") == ((-1000, 3000) if isinstance(ranges, dict) else (0, 4095))
    assert build(Config, to_dict(config)) == config


def test_ranges_of_values_are_layered_by_domain():
    recipe, one, all_domains = {"a": [0, 1]}, {"b": [0, 2]}, [0, 3]
    config = build(Config, {"value_range": recipe}, {"value_range": one})
    assert (config.range_of("a"), config.range_of("b")) == ((0, 1), (0, 2))
    config = build(Config, {"value_range": recipe}, {"value_range": all_domains})
    assert (config.range_of("a"), config.range_of("b")) == ((0, 3), (0, 3))
    assert build(Config, {"value_range": recipe}).range_of("b") is None


@pytest.mark.parametrize(
    ("ranges", "sentence"),
    [
        ({"a": [2, 1]}, "value_range.a must be (low, high)"),
        ({"first": [0, 1]}, "value_range.first"),
        ({"a": "low"}, "value_range.a.0: input should be a valid number"),
        ("low", "value_range.0: input should be a valid number"),
    ],
)
def test_a_wrong_range_of_values_is_named(ranges, sentence):
    with pytest.raises(ValueError) as caught:
        build(Config, {"value_range": ranges})
    assert sentence in str(caught.value)


@settings
class Layered(Config):
    layers: Indices = (0, 4, 8)


@pytest.mark.parametrize(
    ("given", "found"),
    [("1,2", (1, 2)), ("3", (3,)), (3, (3,)), ([1, "1e1"], (1, 10)), ("", ()), ((5, 6), (5, 6))],
)
def test_whole_numbers_are_separated_by_commas(given, found):
    assert build(Layered, {"layers": given}).layers == found


@pytest.mark.parametrize("given", ["a,b", "1;2", 1.5, "1,2.5", True, None, {"a": 1}, [[1, 2]]])
def test_what_is_not_whole_numbers_is_told_the_form(given):
    with pytest.raises(ValueError, match="layers: expected numbers separated by commas, found"):
        build(Layered, {"layers": given})


def test_an_index_is_not_negative():
    with pytest.raises(ValueError, match="layers.*greater than or equal to 0"):
        build(Layered, {"layers": "1,-1"})
