"""What every body of a scan is measured with: its aperture, what is seen in it, a sphere, the scan's blur."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from hepalith.calcification.extent.aperture import Aperture, Scene, lay_aperture
from hepalith.calcification.extent.blur_belief import FROM_FOCI, BlurBelief, wider_blur
from hepalith.calcification.extent.blur_model import SphereResponse, sphere_response
from hepalith.calcification.extent.body import Body, look_at_body
from hepalith.calcification.extent.sphere import sphere_view
from hepalith.calcification.extent.sphere_fit import SphereFit, believe_blur, fit_sphere
from hepalith.calcification.search.candidate import Candidate
from hepalith.image.noise import Blur

__all__ = ["Laid", "lay_all", "responses"]

BLUR_SHARE = 0.3
"""How far, as a share, the in-plane blur may be from its estimate (95 %): kernels differ by more than the
skin's edge or the grid tells."""

MOST_RESOLVED = 8
"""Most bodies larger than the blur that a sphere is fitted to, to learn the blur from: more add time and
little to what is known."""


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """What every body is measured with: one aperture, body and fit (or None) each.

    `scene` has the blur that was used, `belief` what is known of it.
    """

    scene: Scene
    apertures: Sequence[Aperture]
    bodies: Sequence[Body]
    fits: Sequence[SphereFit | None]
    belief: BlurBelief


def lay_all(found: Sequence[Candidate], own: int, scene: Scene) -> Laid:
    """Return what each candidate is measured with; spheres are fitted to the first `own`, those of the liver.

    Where the foci show more blur than was estimated, what is theirs reaches farther than was taken: all is
    laid once more with the blur that they tell.
    """
    laid = _lay(found, own, scene)
    factor = wider_blur(laid.belief)
    return laid if factor == 1.0 else _lay(found, own, _widened(scene, factor))


def _lay(found: Sequence[Candidate], own: int, scene: Scene) -> Laid:
    apertures = [lay_aperture(candidate, n, scene) for n, candidate in enumerate(found, start=1)]
    bodies = [look_at_body(aperture, scene) for aperture in apertures]
    fits = _fit_spheres(apertures[:own], bodies[:own], scene) + [None] * (len(found) - own)
    return Laid(scene, apertures, bodies, fits, believe_blur([fit for fit in fits if fit is not None]))


def _widened(scene: Scene, factor: float) -> Scene:
    """Return a scene with its blur in plane wider by a factor, as its foci show it."""
    blur = replace(scene.blur, in_plane_fwhm_mm=scene.blur.in_plane_fwhm_mm * factor, source=FROM_FOCI)
    exact, sharper, softer = responses(blur, scene.spacing_mm)
    return replace(scene, blur=blur, response=exact, sharper=sharper, softer=softer)


def responses(
    blur: Blur, spacing_mm: tuple[float, float, float]
) -> tuple[SphereResponse, SphereResponse, SphereResponse]:
    """Return how spheres look with the estimated blur, and at the ends of what it may be."""
    exact, sharper, softer = (
        sphere_response(replace(blur, in_plane_fwhm_mm=blur.in_plane_fwhm_mm * factor), spacing_mm)
        for factor in (1.0, 1.0 - BLUR_SHARE, 1.0 + BLUR_SHARE)
    )
    return exact, sharper, softer


def _fit_spheres(apertures: list[Aperture], bodies: list[Body], scene: Scene) -> list[SphereFit | None]:
    """Return the sphere fitted to each compact body: all that blur hides, and some that show the blur."""
    view = sphere_view(scene.blur, scene.spacing_mm)
    order = sorted(range(len(bodies)), key=lambda n: bodies[n].sphere_mm)
    fits: list[SphereFit | None] = [None] * len(bodies)
    resolved = 0
    for n in order:
        if not bodies[n].compact or resolved >= MOST_RESOLVED:
            continue
        resolved += not bodies[n].unresolved
        fits[n] = fit_sphere(apertures[n], scene, view, bodies[n].sphere_mm)
    return fits
