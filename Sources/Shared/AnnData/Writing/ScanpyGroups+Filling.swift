/// Filling the group of a result whose rows are complete.
extension ScanpyGroups {
    /// Ranks the genes of every perturbation and writes names, statistics and shares; waits until
    /// they are on the disk.
    ///
    /// Genes stand in descending order of their signed score, genes without one last, ties in the
    /// order of the file. The bytes depend on the layers alone, so filling again after a crash gives
    /// the same file. Perturbations are taken in panels as wide as the memory allows; each layer's
    /// row is read once.
    ///
    /// - Parameters:
    ///   - rows: The unpublished result; does nothing when it was laid out without the group.
    ///   - genes: Name of each gene, as in the layout.
    ///   - memoryBytes: About how much to hold at once; one perturbation's names at least.
    /// - Throws: ``AnnDataWriteError`` when reading or writing fails.
    package static func fill(
        _ rows: ResultRows,
        genes: [String],
        memoryBytes: Int = 256 << 20
    ) throws(AnnDataWriteError) {
        guard let groups = rows.map.scanpyGroups else { return }
        precondition(genes.count == rows.map.geneCount, "not one name for each gene")
        let names = try names(groups, genes, rows)
        let columnBytes = genes.count * (max(8, groups.nameByteCount) + 4)
        let width = max(1, min(rows.map.rowCount, memoryBytes / max(1, columnBytes)))
        var start = 0
        while start < rows.map.rowCount {
            let panel = start..<min(start + width, rows.map.rowCount)
            var orders: [[UInt32]] = []
            for row in panel { orders.append(try order(rows, row, groups)) }
            try write(
                rows,
                panel,
                at: groups.namesOffset,
                elementBytes: groups.nameByteCount,
                orders: orders
            ) { _ in names }
            for statistic in groups.statistics {
                try write(
                    rows,
                    panel,
                    at: statistic.offset,
                    elementBytes: rows.map.layers[statistic.layer].element.byteCount,
                    orders: orders
                ) { (row) throws(AnnDataWriteError) in
                    try rows.read(layer: statistic.layer, row: row)
                }
            }
            start = panel.upperBound
        }
        for share in groups.shares {
            for (row, offset) in share.offsets.enumerated() {
                let bytes = try rows.read(layer: share.layer, row: row)
                try rows.write(bytes[...], at: offset)
            }
        }
        try rows.synchronize()
    }

    /// The stored form of each gene's name, one after the other.
    private static func names(
        _ groups: ScanpyGroupsMap,
        _ genes: [String],
        _ rows: ResultRows
    ) throws(AnnDataWriteError) -> [UInt8] {
        let width = groups.nameByteCount
        if let offset = groups.referencesOffset {
            return try rows.read(count: genes.count * width, at: offset)
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(genes.count * width)
        for name in genes {
            precondition(name.utf8.count <= width, "a gene's name is longer than in the layout")
            bytes += name.utf8
            bytes += repeatElement(0, count: width - name.utf8.count)
        }
        return bytes
    }

    /// Writes one array of records for the perturbations of a panel.
    ///
    /// - Parameters:
    ///   - rows: The result.
    ///   - panel: Rows whose fields are written.
    ///   - offset: Position of the array in the file.
    ///   - elementBytes: Bytes of one field.
    ///   - orders: Gene at each rank, for each row of the panel.
    ///   - values: The fields of a row in gene order.
    /// - Throws: ``AnnDataWriteError`` when reading or writing fails.
    private static func write(
        _ rows: ResultRows,
        _ panel: Range<Int>,
        at offset: Int,
        elementBytes: Int,
        orders: [[UInt32]],
        values: (Int) throws(AnnDataWriteError) -> [UInt8]
    ) throws(AnnDataWriteError) {
        let geneCount = rows.map.geneCount
        let pieceBytes = panel.count * elementBytes
        var records = [UInt8](repeating: 0, count: geneCount * pieceBytes)
        for (column, row) in panel.enumerated() {
            let bytes = try values(row)
            let order = orders[column]
            records.withUnsafeMutableBytes { records in
                bytes.withUnsafeBytes { bytes in
                    var place = column * elementBytes
                    for gene in order {
                        let source = Int(gene) * elementBytes
                        UnsafeMutableRawBufferPointer(
                            rebasing: records[place..<place + elementBytes]
                        ).copyMemory(
                            from: UnsafeRawBufferPointer(
                                rebasing: bytes[source..<source + elementBytes]
                            )
                        )
                        place += pieceBytes
                    }
                }
            }
        }
        let recordBytes = rows.map.rowCount * elementBytes
        guard pieceBytes < recordBytes else {
            try rows.write(records[...], at: offset)
            return
        }
        for rank in 0..<geneCount {
            try rows.write(
                records[rank * pieceBytes..<(rank + 1) * pieceBytes],
                at: offset + rank * recordBytes + panel.lowerBound * elementBytes
            )
        }
    }

    /// The genes of a row from the largest score down, those without a score last.
    private static func order(
        _ rows: ResultRows,
        _ row: Int,
        _ groups: ScanpyGroupsMap
    ) throws(AnnDataWriteError) -> [UInt32] {
        let layer = groups.statistics[0].layer
        let bytes = try rows.read(layer: layer, row: row)
        let count = rows.map.geneCount
        let scores = bytes.withUnsafeBytes { bytes in
            switch rows.map.layers[layer].element {
            case .float64:
                (0..<count).map { index in
                    let bits = bytes.loadUnaligned(fromByteOffset: index * 8, as: UInt64.self)
                    return Double(bitPattern: UInt64(littleEndian: bits))
                }
            case .float32:
                (0..<count).map { index in
                    let bits = bytes.loadUnaligned(fromByteOffset: index * 4, as: UInt32.self)
                    return Double(Float(bitPattern: UInt32(littleEndian: bits)))
                }
            }
        }
        return descendingOrder(scores)
    }

    /// Positions from the largest value down; ties keep their order, values that are no numbers
    /// come last.
    static func descendingOrder(_ values: [Double]) -> [UInt32] {
        var keyed = values.enumerated().map { index, value in
            (value: value.isNaN ? -.infinity : value, isNumber: !value.isNaN, index: UInt32(index))
        }
        keyed.sort { left, right in
            if left.value != right.value { return left.value > right.value }
            if left.isNumber != right.isNumber { return left.isNumber }
            return left.index < right.index
        }
        return keyed.map(\.index)
    }
}
