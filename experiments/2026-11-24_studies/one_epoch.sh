#!/bin/sh
# Every study once with one epoch, one seed and each method's own learning rate. It shows that rows
# train, not their worth. Run it again to resume.
#
#   one_epoch.sh DATA OUT [STUDY...]
#
# DATA holds pacs and caltech101. The images are PACS photographs, thinned to 151 to 7 a class.
set -eu
data=$1 out=$2
shift 2
[ $# -gt 0 ] || set -- probe-vs-vpt features sota phases joint query pool fair tuning split \
    ensemble sampling loss main multitask shift size pretraining

mkdir -p "$out"
list=$(cd "$out" && pwd)/photo-lt20.csv
[ -f "$list" ] || lpt data longtail "$data/pacs/photo.parquet" "$list" --imbalance 20

run() {
    lpt study --data "$data/pacs/photo.parquet:list=$list" --epochs 1 --seeds 1 --rates x1 \
        --out "$out" "$@"
}

for study; do
    case $study in
    main) run main --only "LPT (paper)" ;; # its other rows are in sota and phases
    multitask) run multitask --other "$data/caltech101" ;;
    shift)
        run shift --shifted "art=$data/pacs/art_painting.parquet" \
            --shifted "cartoon=$data/pacs/cartoon.parquet" \
            --shifted "sketch=$data/pacs/sketch.parquet"
        ;;
    size)
        run size --set image_size=64 --backbone random:vit_tiny_patch16_224 \
            --backbone random:vit_small_patch16_224 --backbone random:vit_base_patch16_224
        ;;
    pretraining)
        run pretraining --set image_size=64 --backbone random:vit_base_patch16_224 \
            --backbone random:deit_base_patch16_224 --backbone random:vit_base_patch16_224.dino
        ;;
    *) run "$study" ;;
    esac
done
