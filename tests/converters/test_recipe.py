import pytest

from lepton_edge_converters.errors import RecipeError
from lepton_edge_converters.recipe import SHIPPED, Recipe, load_recipe


def test_int8_is_what_its_file_says():
    recipe = load_recipe("int8")
    assert (recipe.scheme, recipe.formats, recipe.io) == ("int8", ("tflite", "onnx"), "uint8")
    assert (recipe.holdout, recipe.calibration) == (0.3, 100)


def test_arguments_replace_settings():
    recipe = load_recipe("int8", io="float32", holdout=None, max_drop=1.5)
    assert (recipe.io, recipe.holdout, recipe.gates.max_drop) == ("float32", 0.3, 1.5)
    assert recipe.gates.min_agreement == load_recipe("int8").gates.min_agreement


def test_a_recipe_can_be_a_file_or_a_value(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('scheme = "float16"\nformats = ["onnx"]\n[gates]\nmin_cosine = 0.5\n')
    recipe = load_recipe(path)
    assert (recipe.scheme, recipe.formats, recipe.gates.min_cosine) == ("float16", ("onnx",), 0.5)
    assert load_recipe(recipe, formats=("tflite",)).formats == ("tflite",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('scheme = "int8"\nformts = ["onnx"]', r"unknown key 'formts' \(did you mean 'formats'\?\)"),
        (
            'scheme = "int8"\n[gates]\nmin_cosin = 1',
            r"\[gates\]: unknown key 'min_cosin' \(did you mean 'min_cosine'\?\)",
        ),
        ('scheme = "int4"', "Invalid enum value 'int4'"),
        ("holdout = 0.5", "missing required field `scheme`"),
        ('scheme = "int8"\nholdout = 1.0', "holdout is a share between 0 and 1, not 1.0"),
        ('scheme = "int8"\ncalibration = 0', "calibration is 1 sample or more, not 0"),
        ('scheme = "int8"\nformats = []', "one at least"),
        ('scheme = "int8"\nbatch = 2', "Invalid enum value 2 - at `\\$.batch`"),
        ('scheme = "int8"\nformats = ["onnx", "onnx"]', "at most once"),
        ('scheme = "int8"\n[gates]\nmin_agreement = 90', "min_agreement is a share from 0 to 1, not 90"),
        ('scheme = "int8"\nseed = "x"', "Expected `int`, got `str`"),
        ('scheme = "int8"\ngates = 3', "Expected `object`, got `int`"),
        ("scheme = \nio = 1", "at line 1"),
    ],
)
def test_a_wrong_recipe_is_refused_by_name(tmp_path, text, message):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=message):
        load_recipe(path)


def test_a_recipe_that_is_not_there_names_those_that_are(tmp_path):
    with pytest.raises(RecipeError, match="there are: float32, .*, int16x8, prune-int8, small, fast, or a .toml file"):
        load_recipe("int9")
    with pytest.raises(RecipeError, match="cannot read the recipe"):
        load_recipe(tmp_path / "none.toml")


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_recipe_survives_being_written_down(name):
    import msgspec

    recipe = load_recipe(name)
    assert msgspec.json.decode(msgspec.json.encode(recipe), type=Recipe) == recipe


def test_integer_ends_of_a_float_model_are_refused():
    with pytest.raises(RecipeError, match="io uint8 is for int8 models; those of scheme float16 take and give float32"):
        load_recipe("float16", io="uint8")
    assert load_recipe("float16", io="float32").scheme == "float16"
