"""Split, search, score and save, as people do with scikit-learn."""

from lpt.sklearn import LongTailedPromptClassifier
from sklearn.datasets import load_digits
from sklearn.metrics import classification_report
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X[:300], y[:300], test_size=100, stratify=y[:300], random_state=0
)

bright = FunctionTransformer(lambda rows: rows.clip(0, 12))
model = LongTailedPromptClassifier(settings={"phase1.epochs": 0, "phase2.epochs": 0})
search = GridSearchCV(
    make_pipeline(bright, model),
    {
        "longtailedpromptclassifier__settings": [
            {"phase1.epochs": e, "phase2.epochs": 0} for e in (0, 1)
        ]
    },
    cv=2,
)
search.fit(X_train, y_train)

print("best", search.best_params_)
print("score", search.score(X_test, y_test))
print(classification_report(y_test, search.predict(X_test), zero_division=0))

best = search.best_estimator_[-1]
best.save("digits.safetensors")  # a task file: lpt predict digits.safetensors photo.png
print("features", best.transform(X_test[:2]).shape, "classes", best.classes_)
