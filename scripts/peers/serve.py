"""Two servers in FastAPI over scikit-learn, for scripts/bench_serve.py; both take prepared rows.

published:app loads the model from the disk for every request, as the published study's server does.
tuned:app is what a careful engineer would write: models in memory, one thread a request, one call of predict_proba.

MODELS names the folder with NAME.joblib. Run: uvicorn serve:published, uvicorn --workers 2 serve:tuned.
"""

import os
from pathlib import Path

import joblib
import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel

FOLDER = Path(os.environ["MODELS"])


class Request(BaseModel):
    model: str
    instances: list[list[float]]


published = FastAPI()


@published.post("/predict")
def predict_published(request: Request):
    model = joblib.load(FOLDER / f"{request.model}.joblib")
    predictions = model.predict(request.instances).tolist()
    probabilities = model.predict_proba(request.instances).tolist()
    return {"model": request.model, "predictions": predictions, "probabilities": probabilities}


tuned = FastAPI()
MODELS = {path.stem: joblib.load(path) for path in FOLDER.glob("*.joblib")}
for model in MODELS.values():
    if hasattr(model, "n_jobs"):
        model.n_jobs = 1


@tuned.post("/predict")
async def predict_tuned(request: Request):
    probabilities = MODELS[request.model].predict_proba(np.asarray(request.instances))
    predictions = probabilities.argmax(axis=1).tolist()
    return {"model": request.model, "predictions": predictions, "probabilities": probabilities.tolist()}
