# Correctness, all at once: steps, commands, tests of training on the device, tests of devices.
W=${W:-/tmp/w}; D=${D:-cuda}; R=$W/results; cd $W; L=${L:-110}
export PYTHONPATH=$W/src:$W/site:$W/extra PYTHONUNBUFFERED=1 ARCHSPACE_CACHE=$W/cache OMP_NUM_THREADS=2 OMP_WAIT_POLICY=PASSIVE
start=$SECONDS
for n in 1 2 3; do mkdir -p s$n; done
(cd s1; timeout $L python3 ../extra/steps.py --device $D --out $R/steps-1.json --case "espnet decoder" --case "espnet-c coarse labels" --case "espnetv2 segmentation" --case "dicenet segmentation" > $R/steps-1.log 2>&1) &
(cd s2; timeout $L python3 ../extra/steps.py --device $D --out $R/steps-2.json --case esnet --case erfnet --case enet --case "espnetv2 multilabel" --case "espnetv2 classification" --case "espnetv2 ssd" --case "eru language model" > $R/steps-2.log 2>&1) &
(cd s3; timeout $L python3 ../extra/steps.py --device $D --out $R/steps-3.json --kinds contiguous,compile --case "espnet decoder" --case "espnetv2 classification" --case "eru language model" > $R/steps-3.log 2>&1) &
for g in segmentation others search measure; do mkdir -p c-$g; (cd c-$g; timeout $L python3 ../extra/commands.py --device $D --out $R/commands-$g.json --group $g > $R/commands-$g.log 2>&1) & done
(cd src; EXTRA_DEVICE=$D timeout $L python3 -m pytest -p cuda_tests -p no:cacheprovider -n 4 --timeout 100 tests/searches/test_steps.py tests/searches/test_resume.py tests/searches/test_ranging.py tests/searches/test_watching.py tests/searches/test_multilabel.py tests/searches/test_language.py tests/searches/test_detection.py -rfEs --tb=short > $R/pytest-on-gpu.txt 2>&1) &
(cd src; timeout $L python3 -m pytest -p no:cacheprovider -n 3 --timeout 100 tests/analysis/devices tests/archspace/test_build.py tests/archspace/test_deploy.py tests/searches/test_training.py -rfEs --tb=short > $R/pytest-devices.txt 2>&1) &
wait
echo "== all at once: $((SECONDS-start)) s"
cat $R/steps-?.log | cut -c1-260; cat $R/commands-*.log | cut -c1-260; tail -15 $R/pytest-on-gpu.txt | cut -c1-200; tail -8 $R/pytest-devices.txt | cut -c1-200
