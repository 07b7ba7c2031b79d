# Checks and measurements, each under its own time limit; results in $W/results.
W=${W:-/tmp/w}; D=${D:-cuda}; R=$W/results; cd $W
export PYTHONPATH=$W/src:$W/site:$W/extra PYTHONUNBUFFERED=1 ARCHSPACE_CACHE=$W/cache OMP_WAIT_POLICY=PASSIVE
say() { echo "== $SECONDS s: $*"; }
say environment
nvidia-smi > $R/nvidia-smi.txt 2>&1; nvidia-smi --query-gpu=name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,power.draw,temperature.gpu,persistence_mode,mig.mode.current,ecc.mode.current --format=csv >> $R/nvidia-smi.txt 2>&1
python3 -m pip list 2>/dev/null > $R/pip.txt; ls site | grep dist-info > $R/carried-packages.txt
(timeout 40 python3 extra/pixels.py data/camvid > $R/pixels.txt 2>&1; diff $R/pixels.txt extra/pixels-here.txt | head -5) &
timeout 60 python3 -m archspace doctor $D --json > $R/doctor.json 2> $R/doctor.err; say doctor $?
wait
[ $D = cuda ] && { timeout 60 python3 extra/events.py $R/events.json 2>&1 | tee $R/events.log | cut -c1-400; say events; }
timeout ${SPEED:-110} python3 extra/speed.py --device $D --data data/camvid --out $R/speed.json --seconds 3 $SPEEDARGS 2>&1 | tee $R/speed.log | cut -c1-300; say speed
for n in espnet espnetv2-1.0 espnetv2-seg-2.0; do timeout ${CMP:-80} python3 -m archspace measure $n --device $D --compare $RUNS --out $R/compare-$n.json > $R/compare-$n.log 2>&1; say compare $n $?; tail -25 $R/compare-$n.log; done
timeout ${POW:-75} python3 -m archspace measure espnet espnetv2-1.0 espnetv2-seg-2.0 --device $D --attempts 1 $RUNS --out $R/power-torch.json 2>&1 | tee $R/power-torch.log | tail -20; say power torch
[ $D = cuda ] && { timeout 60 python3 -m archspace measure espnet espnetv2-1.0 espnetv2-seg-2.0 --device $D --runtime cudagraph --attempts 1 --out $R/power-cudagraph.json 2>&1 | tee $R/power-cudagraph.log | tail -20; say power cudagraph; }
