"""What is said of a module of JOBS that is not what it should be."""

from __future__ import annotations

import pytest

from donebit.config import Settings
from donebit.errors import ConfigurationError
from donebit.jobs.registry import check_jobs, load_jobs
from tests.jobs.conftest import WriteModule

WHERE = "; it must be installed, or in the folder in which `python -m` is started"
NAMES = "; JOBS takes the names of modules, as in "


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module", f"No module named 'no_such_module'{WHERE}"),
        ("no_such.module", f"No module named 'no_such'{WHERE}"),
        ("json.no_such", f"No module named 'json.no_such'{WHERE}"),
        ("needs_another", "No module named 'no_such_module'"),
        ("needs_another.py", f"No module named 'no_such_module'{NAMES}`import needs_another`"),
        ("own/jobs.py", f"No module named 'own/jobs'{NAMES}`import own.jobs`"),
        ("./own/jobs.py", f"for './own/jobs.py'{NAMES}`import own.jobs`"),
    ],
)
def test_a_module_that_is_not_there_is_one_clear_sentence(
    write_module: WriteModule, name: str, said: str
) -> None:
    write_module("needs_another", "import no_such_module\n")

    with pytest.raises(ConfigurationError) as refused:
        load_jobs(Settings(jobs=(name,)))

    assert refused.value.detail.startswith(f"JOBS: module {name!r} cannot be imported: ")
    assert refused.value.detail.endswith(said)


def test_a_job_in_a_module_of_a_package_that_jobs_leaves_out_is_named(
    write_module: WriteModule, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_module("unused", "").with_name("package_of_jobs")
    folder.mkdir()
    write_module("package_of_jobs/__init__", "from . import images, texts\nfrom .texts import count\n")
    write_module("package_of_jobs/images", "from donebit import job\n@job('resize')\ndef a(step): ...\n")
    write_module("package_of_jobs/texts", "from donebit import job\n@job('count')\ndef count(step): ...\n")

    assert "count" in check_jobs(Settings(jobs=("package_of_jobs",)))
    said = [record.getMessage() for record in caplog.records]
    caplog.clear()
    assert "resize" in check_jobs(Settings(jobs=("package_of_jobs", "package_of_jobs.images")))

    below = "it is in 'package_of_jobs.images', to be named too"
    assert said == [f"JOBS: package 'package_of_jobs' has no job 'resize': {below}"]
    assert caplog.records == []


def test_a_job_in_a_class_is_named_where_the_module_has_other_jobs(
    write_module: WriteModule, caplog: pytest.LogCaptureFixture
) -> None:
    write_module(
        "jobs_in_a_class",
        "from donebit import job\n"
        "class Images:\n"
        "    @job('resize')\n"
        "    def shrink(self, step): ...\n"
        "    @staticmethod\n"
        "    @job('turn')\n"
        "    def turn(step): ...\n"
        "    @staticmethod\n"
        "    @job('crop')\n"
        "    def crop(step): ...\n"
        "crop = Images.crop\n",
    )
    found = check_jobs(Settings(jobs=("jobs_in_a_class",)))

    of_module = "JOBS: module 'jobs_in_a_class' has no job"
    assert "crop" in found
    assert [record.getMessage() for record in caplog.records] == [
        f"{of_module} 'resize': Images.shrink is in a class; a job is a function of the module itself",
        f"{of_module} 'turn': Images.turn is in a class; a job is a function of the module itself",
    ]
