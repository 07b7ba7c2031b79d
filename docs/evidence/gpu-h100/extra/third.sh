# Training: bash third.sh SECONDS_A SECONDS_B LIMIT. The whole test suite runs beside it on other cores if SUITE=1.
W=${W:-/tmp/w}; D=${D:-cuda}; R=$W/results; cd $W; A=$1; B=$2; L=$3
export PYTHONPATH=$W/src:$W/site:$W/extra PYTHONUNBUFFERED=1 ARCHSPACE_CACHE=$W/cache OMP_WAIT_POLICY=PASSIVE
say() { echo "== $SECONDS s: $*"; }
python3 extra/recipes.py $R/speed.json $A $B $W
one() { timeout -s INT -k 10 $L python3 -m archspace train $1.yaml --data data/camvid --device $D --out runs/$1 --json > $R/train-$1.out 2>&1; say $1 trained $?
  [ -f runs/$1/weights.safetensors ] || python3 extra/from_state.py runs/$1
  timeout 60 python3 -m archspace evaluate runs/$1/weights.safetensors --data data/camvid --split test --device $D --json > $R/test-$1.json 2> $R/test-$1.err; say $1 evaluated $?
  cut -c1-400 $R/test-$1.json; }
pids=""
[ "$A" != 0 ] && { one camvid-espnet & pids="$pids $!"; }
[ "$B" != 0 ] && { one camvid-long & pids="$pids $!"; }
(timeout 60 python3 -m archspace evaluate weights/espnet_p2_q8_camvid.pth --data data/camvid --split test --device $D --json > $R/published-test.json 2> $R/published-test.err; timeout 60 python3 -m archspace evaluate weights/espnet_p2_q8_camvid.pth --data data/camvid --split val --device $D --json > $R/published-val.json 2>> $R/published-test.err; cut -c1-500 $R/published-test.json) &
pids="$pids $!"
if [ "$SUITE" = 1 ]; then (cd src; OMP_NUM_THREADS=1 timeout $((L-20)) python3 -m pytest -p no:cacheprovider -n 9 --timeout 200 tests -rfE --tb=short > $R/pytest-all.txt 2>&1; tail -5 $R/pytest-all.txt | cut -c1-200) & pids="$pids $!"; fi
wait $pids
for n in camvid-espnet camvid-long; do [ -d runs/$n ] && { tail -1 runs/$n/history.csv; mkdir -p $R/$n; cp runs/$n/*.csv runs/$n/*.yaml runs/$n/*.json runs/$n/*.log runs/$n/weights.safetensors runs/$n/curves.png $R/$n/ 2>/dev/null; }; done
