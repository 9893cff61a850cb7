extension CellEncoder {
    /// Encodes the cells of a segment anew, once for each of some ranges of genes.
    ///
    /// - Parameters:
    ///   - segment: Cells of any kind.
    ///   - ranges: Ranges of genes, ascending, which together hold every gene of the screen.
    /// - Returns: For each range all cells of the segment with the nonzeros of its genes alone; the
    ///   genes keep their numbers.
    package func cut(_ segment: DecodedSegment, at ranges: [Range<Int>]) -> [EncodedCells] {
        switch segment.kind {
        case .integerCounts:
            segment.withCells { cells in
                cut(cells.rows, cells.starts, cells.genes, cells.counts, ranges) {
                    starts,
                    genes,
                    values in
                    encode(firstRow: 0, starts: starts, genes: genes, counts: values)
                }
            }
        case .float32Values: cutValues(segment, of: Float.self, ranges)
        case .float64Values: cutValues(segment, of: Double.self, ranges)
        }
    }

    private func cutValues<Value: ExpressionValue>(
        _ segment: DecodedSegment,
        of type: Value.Type,
        _ ranges: [Range<Int>]
    ) -> [EncodedCells] {
        segment.withValues(of: type) { cells in
            cut(cells.rows, cells.starts, cells.genes, cells.values, ranges) {
                starts,
                genes,
                values in
                encode(firstRow: 0, starts: starts, genes: genes, values: values)
            }
        }
    }

    private func cut<Value: BitwiseCopyable>(
        _ rows: UnsafeBufferPointer<UInt32>,
        _ starts: UnsafeBufferPointer<Int>,
        _ genes: UnsafeBufferPointer<UInt32>,
        _ values: UnsafeBufferPointer<Value>,
        _ ranges: [Range<Int>],
        _ encode: (
            UnsafeBufferPointer<Int>, UnsafeBufferPointer<UInt32>, UnsafeBufferPointer<Value>
        ) -> EncodedCells
    ) -> [EncodedCells] {
        var next = Array(starts.dropLast())
        return ranges.map { range in
            var cutStarts = [0]
            cutStarts.reserveCapacity(rows.count + 1)
            var cutGenes: [UInt32] = []
            var cutValues: [Value] = []
            for cell in rows.indices {
                let first = next[cell]
                var end = first
                while end < starts[cell + 1], Int(genes[end]) < range.upperBound { end += 1 }
                cutGenes.append(contentsOf: genes[first..<end])
                cutValues.append(contentsOf: values[first..<end])
                cutStarts.append(cutGenes.count)
                next[cell] = end
            }
            let cells = cutStarts.withUnsafeBufferPointer { starts in
                cutGenes.withUnsafeBufferPointer { genes in
                    cutValues.withUnsafeBufferPointer { encode(starts, genes, $0) }
                }
            }
            return EncodedCells(
                kind: cells.kind,
                geneCount: cells.geneCount,
                firstRow: rows.first ?? 0,
                rows: Array(rows),
                nonzeroCounts: cells.nonzeroCounts,
                offsets: cells.offsets,
                bytes: cells.bytes
            )
        }
    }
}
