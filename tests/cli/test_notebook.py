from __future__ import annotations

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[2] / "examples" / "quickstart.ipynb"


@pytest.mark.slow
@pytest.mark.timeout(1800)  # A busy computer trains thirty times slower.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    pytest.importorskip("ipykernel")
    # Fewer steps from random weights can end in a model that finds nothing.
    monkeypatch.setenv("QUICKSTART_STEPS", "90")
    monkeypatch.setenv("QUICKSTART_WEIGHTS", "none")
    monkeypatch.setenv("QUICKSTART_FOLDER", str(tmp_path / "quickstart"))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    # The project's own Python, whatever kernels this computer knows.
    nbclient.NotebookClient(notebook, timeout=1500, kernel_name="python3").execute()
    assert len(list((tmp_path / "quickstart" / "results").glob("*.csv"))) == 4
    assert not [
        cell["outputs"]
        for cell in notebook.cells
        if any(out.get("output_type") == "error" for out in cell.get("outputs", ()))
    ]


def test_notebook_is_stored_without_outputs() -> None:
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    assert not any(cell.get("outputs") for cell in notebook.cells)
