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

    /// The values of one layer of a row, by gene.
    package enum Values {
        /// For a layer of doubles.
        case doubles([Double])
        /// For a layer of singles.
        case singles([Float])
    }

    /// The bytes of a row: its per-pair layers in order, little-endian.
    ///
    /// - Parameters:
    ///   - geneCount: Values of each layer.
    ///   - values: Gives the values of the layer with a name; their type must be the layer's.
    /// - Returns: As many bytes as ``rowByteCount(geneCount:)`` says.
    package func encoded(geneCount: Int, _ values: (String) -> Values) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(rowByteCount(geneCount: geneCount))
        for layer in pairLayers {
            switch (values(layer.name), layer.type) {
            case (.doubles(let values), .float64) where values.count == geneCount:
                bytes.append(littleEndian: values)
            case (.singles(let values), .float32) where values.count == geneCount:
                bytes.append(littleEndian: values)
            default: preconditionFailure("layer \(layer.name) was given other values")
            }
        }
        return bytes
    }
}
