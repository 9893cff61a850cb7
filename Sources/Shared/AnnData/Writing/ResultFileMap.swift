/// Where everything that changes lies in a result file, so that rows can be written without HDF5.
package struct ResultFileMap: Codable, Equatable, Sendable {
    /// One matrix of perturbations x genes, row by row.
    package struct Layer: Codable, Equatable, Sendable {
        /// Its name; `X` is the main matrix.
        package let name: String
        /// Type of its elements.
        package let element: ResultElement
        /// Position of its first byte in the file.
        package let offset: Int

        /// What the row of a perturbation that could not be fitted holds: 0 in flags, iterations and
        /// shares of cells, NaN in every statistic.
        package var failedValue: Double {
            ["converged", "iterations", "pts", "pts_rest"].contains(name) ? 0 : .nan
        }

        /// A layer at a position.
        package init(name: String, element: ResultElement, offset: Int) {
            self.name = name
            self.element = element
            self.offset = offset
        }
    }

    /// Number of perturbations.
    package let rowCount: Int
    /// Number of genes.
    package let geneCount: Int
    /// The layers in the order of the layout.
    package let layers: [Layer]
    /// Position of the first status code in the file; one signed byte for each row, -1 for none.
    package let statusOffset: Int
    /// Size of the whole file in bytes.
    package let byteCount: Int
    /// Where the statistics in scanpy's form lie; nil when the result was laid out without them.
    package let scanpyGroups: ScanpyGroupsMap?

    /// A map of the given parts.
    package init(
        rowCount: Int,
        geneCount: Int,
        layers: [Layer],
        statusOffset: Int,
        byteCount: Int,
        scanpyGroups: ScanpyGroupsMap? = nil
    ) {
        self.rowCount = rowCount
        self.geneCount = geneCount
        self.layers = layers
        self.statusOffset = statusOffset
        self.byteCount = byteCount
        self.scanpyGroups = scanpyGroups
    }

    /// Position of a layer in ``layers``; nil when there is none of this name.
    package func layerIndex(_ name: String) -> Int? {
        layers.firstIndex { $0.name == name }
    }

    /// Bytes of one row of a layer.
    package func rowByteCount(layer: Int) -> Int { geneCount * layers[layer].element.byteCount }

    /// Position of a row's first byte in the file.
    package func offset(layer: Int, row: Int) -> Int {
        precondition(row >= 0 && row < rowCount, "no such row")
        return layers[layer].offset + row * rowByteCount(layer: layer)
    }

    /// The byte ranges that change after the file was laid out, ascending: layers, status codes and
    /// the statistics in scanpy's form.
    package var changingRanges: [Range<Int>] {
        var ranges = layers.indices.map { layer in
            let start = layers[layer].offset
            return start..<start + rowCount * rowByteCount(layer: layer)
        }
        ranges.append(statusOffset..<statusOffset + rowCount)
        ranges += scanpyGroups?.ranges(self) ?? []
        return ranges.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// Whether everything lies inside the file; false for a map that was damaged.
    var isConsistent: Bool {
        guard rowCount > 0, geneCount > 0, statusOffset > 0 else { return false }
        let (elements, overflow) = rowCount.multipliedReportingOverflow(by: geneCount)
        guard !overflow, elements <= Int.max / 8, statusOffset <= byteCount - rowCount else {
            return false
        }
        let layersFit = layers.allSatisfy { layer in
            layer.offset > 0 && layer.offset <= byteCount - elements * layer.element.byteCount
        }
        return layersFit && scanpyGroups?.isConsistent(self) != false
    }
}
