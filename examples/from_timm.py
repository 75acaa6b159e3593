"""Create a model, its transform and the five best classes, as people do with timm."""

import lpt
import torch
from PIL import Image
from sklearn.datasets import load_digits
from timm.data import create_transform, resolve_model_data_config

lpt.train("digits", out="runs/from_timm", settings={"phase1.epochs": 1, "phase2.epochs": 0})

# Instead of timm.create_model("vit_tiny_patch16_224", pretrained=True).eval()
task = lpt.load("runs/from_timm", device="cpu")
model = task.as_module()

config = resolve_model_data_config(model)
transform = create_transform(**config, is_training=False)  # or task.transform
image = Image.fromarray((15 * load_digits().images[0]).astype("uint8")).convert("RGB")

output = model(transform(image).unsqueeze(0))
probabilities, indices = torch.topk(output.softmax(dim=1) * 100, k=5)
for probability, index in zip(probabilities[0].tolist(), indices[0].tolist(), strict=True):
    print(f"{task.class_names[index]}  {probability:.1f} %")

features = task.embed(image)  # instead of create_model(..., num_classes=0)
print("features", features.shape, model.num_classes, model.num_features)
