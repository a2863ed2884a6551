#!/usr/bin/env bash
# sbatch examples/cluster/slurm.sh
#
# One Ray cluster for the time of the job: the controller and the head on the first node, where latency is read and nothing
# else is computed; a worker on each other node. The folder of the project is on a file system that all nodes see.
#SBATCH --job-name=parefront
#SBATCH --nodes=3
#SBATCH --ntasks-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --time=04:00:00
#SBATCH --signal=B:TERM@120
set -euo pipefail

config=${CONFIG:-examples/cluster/search.yaml}
mapfile -t nodes < <(scontrol show hostnames "$SLURM_JOB_NODELIST")
head=$(srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" hostname --ip-address | awk '{print $1}')
port=$((20000 + SLURM_JOB_ID % 20000))

# Whoever reaches Ray's ports can run any code as you, and the nodes of others are near: a token for this job alone.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0
RAY_AUTH_TOKEN=$(python3 -c 'import secrets; print(secrets.token_hex(32))')
export RAY_AUTH_TOKEN

srun --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
  ray start --head --block --node-ip-address="$head" --port="$port" --include-dashboard=false \
  --num-cpus=0 --resources='{"device:pi4": 1}' &
sleep 20
workers=$((${#nodes[@]} - 1))
srun --nodes="$workers" --ntasks="$workers" --exclude="${nodes[0]}" \
  ray start --block --address="$head:$port" --num-cpus="$SLURM_CPUS_PER_TASK" &

# The controller on the head's node. Slurm's TERM comes two minutes before the end: the trials under way are finished and
# saved, and the same job, submitted again, goes on from there.
srun --overlap --nodes=1 --ntasks=1 --nodelist="${nodes[0]}" \
  parefront search "$config" --set executor.address="$head:$port" --set executor.workers=$((workers * SLURM_CPUS_PER_TASK)) &
controller=$!
trap 'kill -TERM "$controller"' TERM
wait "$controller" || wait "$controller"
