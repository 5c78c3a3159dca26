"""The house keeps its order: one list of packages, light imports, floors, and nothing that does not belong."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from packaging.markers import default_environment
from packaging.requirements import Requirement

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ON_CONDA = {"torch": "pytorch"}
#: The floors, from the bottom; a module imports only from floors below its own.
HOUSE = """_arguments _files statistics
kernel_size complexity
attention datasets
models
insertion training channel_weights
studies attribution clinic
figures practice
explorers
app
__main__"""
FLOORS = {name: floor for floor, names in enumerate(HOUSE.splitlines()) for name in names.split()}


def requirements():
    return [Requirement(text) for text in PROJECT["dependencies"]]


def locked():
    """name -> all versions in the lock, over platforms and Python versions."""
    versions = {}
    for line in (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith((" ", "#")):
            requirement = Requirement(line)
            (pin,) = requirement.specifier
            versions.setdefault(requirement.name, []).append((pin.version, requirement.marker))
    return versions


def test_environment_yml_has_the_packages_and_ranges_of_pyproject():
    lines = (ROOT / "environment.yml").read_text(encoding="utf-8").splitlines()
    conda = {re.split("[<>=]", line[4:].split()[0])[0]: line for line in lines if re.match(r"  - [a-z]", line)}
    for requirement in requirements():
        name = ON_CONDA.get(requirement.name, requirement.name)
        line = conda.pop(name, "")
        assert line.startswith(f"  - {name}{requirement.specifier}  # "), f"{name} in environment.yml"
        assert re.search(r"  # .*(chapter|package itself)", line), f"which chapter needs {name}?"
    assert conda.pop("python") == f"  - python{PROJECT['requires-python']}"
    assert {name.rstrip(":") for name in conda} == {"conda-forge", "pip"}  # and nothing that pyproject does not have


def test_the_lock_fits_pyproject_for_every_python():
    versions = locked()
    extras = [Requirement(text) for texts in PROJECT["optional-dependencies"].values() for text in texts]
    for requirement in requirements() + extras:
        assert versions.get(requirement.name), f"{requirement.name} is not in the lock: run `make lock`"
        for version, _ in versions[requirement.name]:
            assert requirement.specifier.contains(version), f"{requirement.name} {version}: run `make lock`"
    for python in ("3.10", "3.11", "3.12", "3.13", "3.14"):
        environment = {**default_environment(), "python_version": python, "python_full_version": f"{python}.0"}
        for name in ("torch", "torchvision", "numpy"):
            fitting = [v for v, marker in versions[name] if marker is None or marker.evaluate(environment)]
            assert len(fitting) == 1, f"{name} for Python {python}: {fitting}"


def test_the_description_of_the_package_links_to_nothing_outside_it():
    assert not re.search(r"\]\((?!https://)", PROJECT["readme"]["text"])


#: Module -> what may not be loaded with it. One process imports them in this order: each brings what those before it brought.
LIGHT = {
    "eca_edu": {"torch", "numpy", "matplotlib", "pandas"},
    "eca_edu.kernel_size": {"torch", "numpy"},
    "eca_edu.app.cli": {"torch", "matplotlib", "pandas"},
    "eca_edu.complexity": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.attention": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.models": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.datasets": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.training.loop": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.practice.exercises": {"torchvision", "matplotlib", "pandas"},
    "eca_edu.attribution": {"captum", "matplotlib", "pandas"},
}


def test_imports_stay_light():
    code = f"""import importlib, sys
for module, without in {LIGHT}.items():
    importlib.import_module(module)
    print(module, *sorted(without & set(sys.modules)))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == list(LIGHT)


def test_public_names_load_and_none_hides_a_module():
    import eca_edu

    public = set(eca_edu.__all__)
    files = (p for p in (ROOT / "eca_edu").iterdir() if p.is_dir() or p.suffix == ".py")
    modules = {p.stem for p in files if not p.name.startswith("_")}
    assert public & modules == set()
    for name in public:
        assert getattr(eca_edu, name) is not None


def test_lower_floors_never_import_higher_ones():
    wrong = []
    for file in (ROOT / "eca_edu").rglob("*.py"):
        part = file.relative_to(ROOT / "eca_edu").parts[0].removesuffix(".py")
        if part == "__init__":
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [f"eca_edu.{alias.name}" for alias in node.names] if names == ["eca_edu"] else []
            for name in names:
                target = name.split(".")[1] if name.startswith("eca_edu.") else None
                if target and target != part and FLOORS[target] >= FLOORS[part] and part != "__main__":
                    wrong.append(f"{part} (floor {FLOORS[part]}) imports {target} (floor {FLOORS[target]})")
    assert wrong == []


def test_every_public_function_and_class_has_a_docstring():
    missing = []
    for file in (ROOT / "eca_edu").rglob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        if not ast.get_docstring(tree):
            missing.append(file.name)
        for node in tree.body:
            public = isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_")
            if public and not ast.get_docstring(node):
                missing.append(f"{file.name}: {node.name}")
    assert missing == []


def test_a_star_import_gives_what_the_stub_says():
    import eca_edu

    (listed,) = (
        ast.literal_eval(node.value)
        for node in ast.parse((ROOT / "eca_edu" / "__init__.pyi").read_text(encoding="utf-8")).body
        if isinstance(node, ast.Assign)
    )
    assert sorted(listed) == sorted(eca_edu.__all__)
    names = {}
    exec("from eca_edu import *", names)
    assert {*listed} <= {*names}


def test_every_colour_that_a_style_sheet_or_an_explorer_uses_is_defined():
    from eca_edu.explorers.page import COLOURS

    folder = ROOT / "eca_edu" / "explorers"
    text = "".join(file.read_text(encoding="utf-8") for file in folder.iterdir() if file.suffix in (".css", ".js"))
    defined = {*COLOURS, *re.findall(r"--([a-z-]+):", text)}
    own = {name for name in re.findall(r"var\(--([a-z-]+)", text) if not name.startswith("jp-")}
    assert own - defined == set()
