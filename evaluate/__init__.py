"""How good a network is: error rates with intervals, thresholds, reports, model cards.

    EvaluationRequest, evaluate   networks + a set → Evaluation: figures of each network, as text, JSON, report
    EvaluatedModel, EvaluatedSet  what an Evaluation holds of each network and of each set
    calibrate                     a model file + people's faces → Calibration: the threshold for a false match rate
    model_card                    a model file + what was measured of it → Markdown
    accuracy_on                   a set such as lfw.bin → AccuracyOn: what embeds → its accuracy; two → the change
    Comparisons, measure          compared pairs of your own → Figures
    Figures, OperatingPoint, Accuracy, Rate, Estimate   the figures

Needs neither Jittor nor onnx nor onnxruntime to be imported. Each name is loaded when it is first used.
"""

from typing import TYPE_CHECKING

from ..lazy import lazy

if TYPE_CHECKING:
    from .calibration import Calibration as Calibration
    from .calibration import calibrate as calibrate
    from .evaluated_model import EvaluatedModel as EvaluatedModel
    from .evaluated_model import EvaluatedSet as EvaluatedSet
    from .evaluation import Evaluation as Evaluation
    from .evaluation import evaluate as evaluate
    from .evaluation_request import EvaluationRequest as EvaluationRequest
    from .figures.comparisons import Comparisons as Comparisons
    from .figures.figures import Accuracy as Accuracy
    from .figures.figures import Estimate as Estimate
    from .figures.figures import Figures as Figures
    from .figures.figures import OperatingPoint as OperatingPoint
    from .figures.figures import Rate as Rate
    from .figures.measure import measure as measure
    from .report.model_card import model_card as model_card
    from .set_accuracy import AccuracyOn as AccuracyOn
    from .set_accuracy import accuracy_on as accuracy_on

# public name: the file that holds it
_PUBLIC = {
    "EvaluationRequest": "evaluation_request",
    "evaluate": "evaluation",
    "Evaluation": "evaluation",
    "EvaluatedModel": "evaluated_model",
    "EvaluatedSet": "evaluated_model",
    "calibrate": "calibration",
    "Calibration": "calibration",
    "model_card": "report.model_card",
    "accuracy_on": "set_accuracy",
    "AccuracyOn": "set_accuracy",
    "Comparisons": "figures.comparisons",
    "measure": "figures.measure",
    "Figures": "figures.figures",
    "OperatingPoint": "figures.figures",
    "Accuracy": "figures.figures",
    "Rate": "figures.figures",
    "Estimate": "figures.figures",
}

__all__ = [
    "EvaluationRequest",
    "evaluate",
    "Evaluation",
    "EvaluatedModel",
    "EvaluatedSet",
    "calibrate",
    "Calibration",
    "model_card",
    "accuracy_on",
    "AccuracyOn",
    "Comparisons",
    "measure",
    "Figures",
    "OperatingPoint",
    "Accuracy",
    "Rate",
    "Estimate",
]


__getattr__ = lazy(__name__, _PUBLIC)


def __dir__() -> list[str]:
    return sorted(__all__)
