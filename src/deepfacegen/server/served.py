"""The model that `mlflow models serve` loads; MLflow stores this file with the model and runs it."""

from __future__ import annotations

from typing import Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import set_model
from mlflow.protos.databricks_pb2 import INVALID_PARAMETER_VALUE
from mlflow.pyfunc.model import PythonModel

from deepfacegen.api.voice_to_face import VoiceToFace
from deepfacegen.errors import UserError
from deepfacegen.server.responses import respond


class BadRequest(MlflowException):
    """Status 400 with one line as its message, without the request's data that MLflow's server would add."""

    def __init__(self, line: str) -> None:
        self._line = line
        super().__init__(line, INVALID_PARAMETER_VALUE)

    @property
    def message(self) -> str:
        return self._line

    @message.setter
    def message(self, other: str) -> None:
        pass


class Served(PythonModel):
    """`audio` (base64 of a sound file) -> faces and estimates from the voice; see docs/serving.md."""

    def load_context(self, context: Any) -> None:
        self.model = VoiceToFace.load(context.artifacts["release"])

    def predict(
        self, context: Any, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        try:
            rows: Any = model_input.to_dict("records")  # pandas: the keys may be other than strings
            return respond(self.model, rows, params)
        except UserError as error:
            raise BadRequest(str(error)) from None


set_model(Served())
