"""Training with several worker processes.

| name          | does                                                                              |
|---------------|-----------------------------------------------------------------------------------|
| `worker`      | a script: trains a saved model as one worker of a cluster, which TF_CONFIG names  |
| `run_workers` | starts several Python processes on this machine as if it were such a cluster      |
"""

from mos_helpers.scaling.local import run_workers
