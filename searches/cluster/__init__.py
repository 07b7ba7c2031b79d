"""A study on the machines of a cluster: trials as tasks of Ray, scripts for Slurm, manifests for Kubernetes."""
