/// What one row of a result holds: the single table behind the wire, the file and the display.
package struct RowSchema: Sendable, Equatable {
    /// The number type of a layer's elements, little-endian.
    package enum ElementType: String, Sendable, Codable {
        /// IEEE single.
        case float32
        /// IEEE double.
        case float64

        /// Bytes of one element.
        package var byteCount: Int { self == .float32 ? 4 : 8 }
    }

    /// Whether a layer's values differ between perturbations.
    package enum Scope: Sendable, Equatable {
        /// One value per (perturbation, gene): sent by the worker.
        case perPair
        /// One value per gene, the same in every row: known to the coordinator.
        case perGene
    }

    /// One matrix of the result, perturbations x genes.
    package struct Layer: Sendable, Equatable {
        /// Name in the file; `X` is the main matrix.
        package let name: String
        /// Number type.
        package let type: ElementType
        /// Per pair or per gene.
        package let scope: Scope
    }

    /// Changes whenever a layer, its type or its order does.
    package let version: UInt32
    /// The layers in the order of the wire and of the file.
    package let layers: [Layer]

    /// Layers that travel with a row, in order.
    package var pairLayers: [Layer] { layers.filter { $0.scope == .perPair } }

    /// Bytes of one row on the wire.
    package func rowByteCount(geneCount: Int) -> Int {
        pairLayers.reduce(0) { $0 + $1.type.byteCount * geneCount }
    }

    /// Rows of the negative binomial GLM.
    package static let nbGLM = RowSchema(
        version: 1,
        layers: [
            Layer(name: "X", type: .float64, scope: .perPair),
            Layer(name: "z_score", type: .float64, scope: .perPair),
            Layer(name: "pvalue", type: .float64, scope: .perPair),
            Layer(name: "pvalue_adj", type: .float64, scope: .perPair),
            Layer(name: "logfoldchanges", type: .float64, scope: .perPair),
            Layer(name: "logfoldchange_raw", type: .float64, scope: .perPair),
            Layer(name: "logfoldchange_raw_ln", type: .float64, scope: .perPair),
            Layer(name: "intercept", type: .float64, scope: .perPair),
            Layer(name: "standard_error", type: .float64, scope: .perPair),
            Layer(name: "standard_error_ln", type: .float64, scope: .perPair),
            Layer(name: "dispersion", type: .float64, scope: .perGene),
            Layer(name: "dispersion_raw", type: .float64, scope: .perGene),
            Layer(name: "dispersion_trend", type: .float64, scope: .perGene),
            Layer(name: "converged", type: .float32, scope: .perPair),
            Layer(name: "iterations", type: .float32, scope: .perPair),
            Layer(name: "pts", type: .float32, scope: .perPair),
            Layer(name: "pts_rest", type: .float32, scope: .perGene),
        ]
    )

    /// Position of a per-pair layer within a row's bytes.
    ///
    /// - Returns: Byte range, or nil when the row has no such layer.
    package func byteRange(ofPairLayer name: String, geneCount: Int) -> Range<Int>? {
        var offset = 0
        for layer in pairLayers {
            let end = offset + layer.type.byteCount * geneCount
            if layer.name == name { return offset..<end }
            offset = end
        }
        return nil
    }
}
