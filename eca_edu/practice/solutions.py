"""The course with its exercises solved: every stub in the notebooks replaced by the tested source of its solution."""

import ast
import re
from pathlib import Path

import nbformat

from eca_edu._files import atomic_write, data_folder, read_file, refuse_to_replace
from eca_edu.practice.exercises import solution

#: The last line of an exercise: check.<exercise>(<answer>).
CHECK = re.compile(r"^check\.(\w+)\((\w+)\)$", re.MULTILINE)


def solve(source: str) -> str:
    """Return the source of a cell with its stub, if it has one, replaced by the solution; all other lines stay.

    Raises ValueError if the cell checks an answer that it does not define.
    """
    found = CHECK.search(source)
    if found is None:
        return source
    name, answer = found.groups()
    lines = source.splitlines()
    for node in ast.parse(source).body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and node.name == answer:
            return "\n".join([*lines[: node.lineno - 1], solution(name).text, *lines[node.end_lineno :]])
    raise ValueError(f"a cell that ends with check.{name}({answer}) must define {answer}; got {source!r}")


def solved(path: Path) -> nbformat.NotebookNode:
    """Return the notebook at `path` with every stub replaced by its solution."""
    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.source = solve(cell.source)
    return notebook


def write_solutions(folder: Path | None = None) -> list[Path]:
    """Write all notebooks with their exercises solved, and return the files.

    folder: stands beside `data/`, since the notebooks read ../data; default: `solutions` beside `notebooks`.
    Raises ValueError for a folder elsewhere or that of the course itself, FileExistsError for a notebook there that is another
    one, and FileNotFoundError if there is no course.
    """
    course = data_folder().parent / "notebooks"
    if not list(course.glob("*.ipynb")):
        reason = "the package is installed without the course; use a clone of the repository"
        raise FileNotFoundError(f"there are no notebooks in {course}: {reason}")
    folder = (folder or course.parent / "solutions").resolve()
    others = [path for path in folder.glob("*") if path.suffix != ".ipynb" and path.name[0] != "."]
    the_course = folder.exists() and folder.samefile(course)  # on some systems under a name of other case
    if the_course or others or folder.parent != course.parent:
        raise ValueError(f"folder must be a new one in {course.parent}, beside data/; got {folder}")
    notebooks = {folder / path.name: nbformat.writes(solved(path)) for path in sorted(course.glob("*.ipynb"))}
    for path, text in notebooks.items():  # before any is written
        if path.exists() and read_file(path).decode(errors="replace") != text:
            raise refuse_to_replace(path, "it is not as the solutions would be: somebody has worked in it")
    for path, text in notebooks.items():
        with atomic_write(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="")
    return [*notebooks]
