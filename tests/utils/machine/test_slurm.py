"""Tasks of Slurm as the processes of a run."""

import pytest

from crossimage.utils.machine.slurm import adopt_slurm_tasks, first_host

STEP = {
    "SLURM_JOB_ID": "4711", "SLURM_STEP_ID": "2", "SLURM_STEP_NUM_TASKS": "8",
    "SLURM_STEP_TASKS_PER_NODE": "4(x2)", "SLURM_STEP_NODELIST": "gpu[07-08]",
    "SLURM_NODEID": "1", "SLURM_LOCALID": "3", "SLURM_PROCID": "7",
}  # fmt: skip


def test_a_task_is_a_process_of_the_run() -> None:
    facts = dict(STEP)
    adopt_slurm_tasks(facts)
    assert {k: v for k, v in facts.items() if k not in STEP} == {
        "MASTER_ADDR": "gpu07", "MASTER_PORT": str(15000 + 7112 % 10000 + 40000 % 10000),
        "WORLD_SIZE": "8", "LOCAL_WORLD_SIZE": "4", "NODE_RANK": "1", "LOCAL_RANK": "3",
        "RANK": "7",
    }  # fmt: skip


def test_ranks_count_machine_by_machine_however_tasks_are_dealt() -> None:
    facts = STEP | {"SLURM_NODEID": "0", "SLURM_LOCALID": "1", "SLURM_PROCID": "2"}
    adopt_slurm_tasks(facts)
    assert facts["RANK"] == "1"


def test_a_place_that_users_set_is_kept() -> None:
    facts = STEP | {"MASTER_ADDR": "10.0.0.7", "MASTER_PORT": "4000"}
    adopt_slurm_tasks(facts)
    assert (facts["MASTER_ADDR"], facts["MASTER_PORT"]) == ("10.0.0.7", "4000")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"SLURM_JOB_ID": "4711", "SLURM_NTASKS": "8", "SLURM_PROCID": "0"},  # a batch script
        STEP | {"SLURM_STEP_NUM_TASKS": "1"},
        STEP | {"WORLD_SIZE": "2", "LOCAL_RANK": "0", "TORCHELASTIC_RUN_ID": "x"},  # torchrun
    ],
    ids=["no job", "a batch script", "one task", "torchrun"],
)
def test_other_processes_are_left_alone(facts: dict[str, str]) -> None:
    before = dict(facts)
    adopt_slurm_tasks(facts)
    assert facts == before


def test_machines_with_different_numbers_of_tasks_are_refused() -> None:
    with pytest.raises(ValueError, match=r"found 4,3 tasks; ask Slurm for --nodes=N"):
        adopt_slurm_tasks(STEP | {"SLURM_STEP_TASKS_PER_NODE": "4,3"})


@pytest.mark.parametrize(
    ("hosts", "first"),
    [
        ("gpu07", "gpu07"),
        ("gpu07,gpu09", "gpu07"),
        ("gpu[07-09,12],cpu3", "gpu07"),
        ("gpu[7]", "gpu7"),
        ("node-a-[001,005]-ib.cluster,x", "node-a-001-ib.cluster"),
    ],
)
def test_the_first_host_of_a_list(hosts: str, first: str) -> None:
    assert first_host(hosts) == first
