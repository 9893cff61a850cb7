/// The counts of consecutive cells, as they are handed to the caller of a reading pass.
///
/// The memory belongs to the pass and is used again afterwards: copy what is to be kept.
package struct CountRows: ~Copyable {
    /// File row of the first cell.
    package let firstCell: Int
    /// Where each cell's entries begin in ``genes`` and ``counts``, and where the last one's end.
    package let rowStarts: UnsafeBufferPointer<Int>
    /// Genes of the entries, strictly ascending within a cell.
    package let genes: UnsafeBufferPointer<UInt32>
    /// Counts of the entries, at least 1.
    package let counts: UnsafeBufferPointer<UInt32>

    /// Number of cells.
    package var cellCount: Int { rowStarts.count - 1 }

    /// Number of entries.
    package var nonzeroCount: Int { genes.count }
}

/// The values of consecutive cells, as they are handed to the caller of a reading pass.
///
/// The memory belongs to the pass and is used again afterwards: copy what is to be kept.
package struct ValueRows<Value: BitwiseCopyable & Sendable>: ~Copyable {
    /// File row of the first cell.
    package let firstCell: Int
    /// Where each cell's entries begin in ``genes`` and ``values``, and where the last one's end.
    package let rowStarts: UnsafeBufferPointer<Int>
    /// Genes of the entries, strictly ascending within a cell.
    package let genes: UnsafeBufferPointer<UInt32>
    /// Values of the entries, never zero.
    package let values: UnsafeBufferPointer<Value>

    /// Number of cells.
    package var cellCount: Int { rowStarts.count - 1 }

    /// Number of entries.
    package var nonzeroCount: Int { genes.count }
}

extension CountRows {
    /// The same cells under the names of counts.
    init(_ rows: borrowing ValueRows<UInt32>) {
        firstCell = rows.firstCell
        rowStarts = rows.rowStarts
        genes = rows.genes
        counts = rows.values
    }
}

/// What a reading pass may use.
package struct StreamResources: Equatable, Sendable {
    /// Threads that decode and transform, at least 1.
    package var threads: Int
    /// Memory for everything in flight, in bytes.
    package var memoryBytes: Int
    /// Directory for what does not fit into memory when a matrix lies by gene.
    package var scratchDirectory: String

    /// Bundles the resources.
    package init(threads: Int, memoryBytes: Int, scratchDirectory: String) {
        self.threads = max(1, threads)
        self.memoryBytes = max(1 << 20, memoryBytes)
        self.scratchDirectory = scratchDirectory
    }
}

/// What a reading pass found.
package struct StreamReport: Equatable, Sendable {
    /// Cells delivered.
    package var cells = 0
    /// Entries delivered, none of them zero.
    package var nonzeros = 0
    /// Stored entries with the value 0, which were left out.
    package var explicitZerosDropped = 0
    /// Stored entries that were added to another one of the same cell and gene.
    package var duplicatesSummed = 0
    /// Cells whose genes were not in ascending order and were sorted; 0 when stored by gene.
    package var unsortedRows = 0
    /// Entries delivered that are below zero; always 0 for counts.
    package var negativeValues = 0
    /// Whether 32-bit row pointers had overflowed and were mended.
    package var pointersUnwrapped = false

    package init() {}

    mutating func add(_ other: StreamReport) {
        cells += other.cells
        nonzeros += other.nonzeros
        explicitZerosDropped += other.explicitZerosDropped
        duplicatesSummed += other.duplicatesSummed
        unsortedRows += other.unsortedRows
        negativeValues += other.negativeValues
    }
}
