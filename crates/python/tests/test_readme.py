import json
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1]


def run(page, blocks):
    found = re.findall(r"```python\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    assert len(found) == blocks
    names = {}
    for block in found:
        exec(block, names)  # noqa: S102
    return names


def test_the_front_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = run(PACKAGE / "README.md", 3)
    assert names["f"].shape == (200, 50)
    assert abs(names["mu"].mean() - names["data"].mean()) < 0.2


def test_the_page_on_clusters_runs():
    pytest.importorskip("joblib")
    run(PACKAGE.parents[1] / "docs" / "cluster.md", 1)


@pytest.mark.parametrize("notebook", sorted((PACKAGE / "notebooks").glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebooks_run(notebook, tmp_path, monkeypatch):
    pytest.importorskip("matplotlib").use("agg")
    if "pytorch" in notebook.stem:
        pytest.importorskip("torch")
    monkeypatch.chdir(tmp_path)
    names = {}
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        assert not cell.get("outputs"), "outputs are made where it runs, and are not kept"
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)  # noqa: S102
