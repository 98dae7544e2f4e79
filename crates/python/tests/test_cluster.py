"""Chains on clusters: where `dask.distributed` and `ray` are installed, which they are once a week."""

import os
import random
import signal
import threading
import time

import pytest

import apd
from conftest import QUICK

joblib = pytest.importorskip("joblib")

SETTINGS = {**QUICK, "effort": "default", "steps": 15_000, "chains": 4}


@pytest.fixture(scope="module")
def expected(wave):
    return apd.ApdRegressor(**SETTINGS).fit(*wave).model_.to_bytes()


def test_dask_with_four_processes_gives_the_same_bytes_though_workers_are_killed(tmp_path, wave, expected):
    distributed = pytest.importorskip("distributed")
    import dask

    with dask.config.set({"distributed.scheduler.allowed-failures": 1000}):
        cluster = distributed.LocalCluster(n_workers=4, threads_per_worker=1, processes=True, dashboard_address=None)
    kills = []

    def kill(client):
        chosen = random.Random(1)
        while len(kills) < 20:
            time.sleep(3)
            pids = [pid for pid in client.run(os.getpid, on_error="ignore").values() if isinstance(pid, int)]
            if pids:
                os.kill(chosen.choice(pids), signal.SIGKILL)
                kills.append(pids)

    with cluster, distributed.Client(cluster) as client, joblib.parallel_config(backend="dask"):
        assert apd.ApdRegressor(**SETTINGS, backend="joblib").fit(*wave).model_.to_bytes() == expected
        killer = threading.Thread(target=kill, args=[client], daemon=True)
        killer.start()
        fits = 0
        while killer.is_alive():
            fits += 1
            model = apd.ApdRegressor(**SETTINGS, backend="joblib", checkpoints=tmp_path / str(fits)).fit(*wave)
            assert model.model_.to_bytes() == expected
    assert len(kills) == 20


def test_ray_with_two_nodes_gives_the_same_bytes(wave, expected):
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster
    from ray.util.joblib import register_ray

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    try:
        ray.init(address=cluster.address)
        register_ray()
        with joblib.parallel_config(backend="ray", n_jobs=2):
            assert apd.ApdRegressor(**SETTINGS, backend="joblib").fit(*wave).model_.to_bytes() == expected
    finally:
        ray.shutdown()
        cluster.shutdown()
