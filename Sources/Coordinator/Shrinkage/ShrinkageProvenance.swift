import AnnData
import DifferentialExpression
import Digests

/// What `uns` of a shrunken result says beside the earlier one's values.
struct ShrinkageProvenance {
    /// How the posterior is found.
    let method: String
    /// Which pairs the prior's scale is estimated from.
    let scope: AnalysisOptions.Scope
    /// The scale from all pairs, natural log, whatever the scope.
    let globalScale: Double
    /// Floor of fitted means.
    let minimumMean: Double
    /// Digest of the earlier result, and of all that decides the numbers.
    let earlier: Digest128
    let fingerprint: String

    /// The values, new or replacing earlier ones.
    func values(of earlierMarker: UnsValue?) -> [(String, UnsValue)] {
        var marker: [(String, UnsValue)] = []
        if case .dictionary(let entries) = earlierMarker { marker = entries }
        let more: [(String, UnsValue)] = [
            ("fingerprint", .string(fingerprint)),
            ("shrunken_from", .string("\(earlier)")),
            ("shrinkage_min_mu", .double(minimumMean)),
        ]
        marker = marker.filter { entry in !more.contains { $0.0 == entry.0 } } + more
        return [
            ("lfc_shrinkage_type", .string("apeglm")),
            ("apeglm_prior_scale", .double(globalScale)),
            ("shrinkage_method", .string(method)),
            ("prior_scale_mode", .string(scope.rawValue)),
            (ResultLayout.markerKey, .dictionary(marker)),
        ]
    }
}
