"""Train, classify and look up labels, as people do with pipelines of transformers."""

import lpt
from PIL import Image
from sklearn.datasets import load_digits

# Instead of Trainer(model, args, train_dataset, ...).train(): data by path or name, one call.
lpt.train("digits", out="runs/from_transformers", settings={"phase1.epochs": 1, "phase2.epochs": 0})

# Instead of pipeline("image-classification", model="...").
classifier = lpt.load("runs/from_transformers")
pixels = load_digits().images[:3]
images = [Image.fromarray((15 * image).astype("uint8")) for image in pixels]

for result in classifier(images, top_k=2):
    print(result)  # [{'label': '0', 'score': 0.9}, ...]

best = classifier(images[0])[0]["label"]
print("best", best, "index", classifier.label2id[best], "of", len(classifier.id2label))
