internal import CHDF5

/// How a chunked dataset is compressed.
package enum HDF5Compression: Equatable, Sendable {
    /// Not at all.
    case none
    /// Deflate of level 1 to 9, after bytes of equal significance were put together.
    case shuffledDeflate(level: Int)
    /// Deflate of level 1 to 9.
    case deflate(level: Int)
}

extension HDF5Group {
    /// Creates a group.
    ///
    /// - Parameters:
    ///   - name: One name, without a slash.
    ///   - manyAttributes: Keeps attributes outside the group's header, which holds only 64 KB; for
    ///     groups with a very long list of names as attribute.
    /// - Returns: The new group, open.
    /// - Throws: ``HDF5Error`` when the library refuses.
    package func createGroup(
        _ name: String,
        manyAttributes: Bool = false
    ) throws(HDF5Error) -> HDF5Group {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Group in
            let context = childContext("creating", name)
            let creation = try LibraryID(H5Pcreate(chdf5_group_create_class()), context)
            try context.check(H5Pset_obj_track_times(creation.value, false))
            if manyAttributes {
                let order = UInt32(H5P_CRT_ORDER_TRACKED)
                try context.check(H5Pset_attr_creation_order(creation.value, order))
                try context.check(H5Pset_attr_phase_change(creation.value, 0, 0))
            }
            let id = H5Gcreate2(
                token.id,
                name,
                chdf5_default(),
                creation.value,
                chdf5_default()
            )
            return HDF5Group(
                file: file,
                path: childPath(name),
                token: HDF5Token(handle: try HDF5Handle(id, parent: file.handle, context))
            )
        }
    }

    /// Creates an array of numbers in one piece whose room is taken at once and never filled, so
    /// that ``HDF5Dataset/fileOffset`` is known and rows can be written past the library.
    ///
    /// The bytes of the room are whatever the file system gives, zeros in a new file.
    package func createContiguous(
        _ name: String,
        _ number: HDF5Number,
        shape: [Int]
    ) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            return try createContiguous(name, type: number.libraryType, shape: shape, context)
        }
    }

    /// Creates an array of booleans in one piece, with its room taken at once.
    package func createContiguousBooleans(
        _ name: String,
        shape: [Int]
    ) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let type = try LibraryID(chdf5_boolean(), context)
            return try createContiguous(name, type: type.value, shape: shape, context)
        }
    }

    /// Creates an array of any type in one piece, with its room taken at once.
    ///
    /// The library insists on filling room for texts of variable length.
    func createContiguous(
        _ name: String,
        type: hid_t,
        shape: [Int],
        isFilled: Bool = false,
        _ context: CallContext
    ) throws(HDF5Error) -> HDF5Dataset {
        let creation = try datasetCreation(context)
        try context.check(H5Pset_layout(creation.value, H5D_CONTIGUOUS))
        try context.check(H5Pset_alloc_time(creation.value, H5D_ALLOC_TIME_EARLY))
        let time = isFilled ? H5D_FILL_TIME_ALLOC : H5D_FILL_TIME_NEVER
        try context.check(H5Pset_fill_time(creation.value, time))
        let space = try simpleSpace(shape, context)
        return try create(name, type, space.value, creation.value, context)
    }

    /// Creates an array of numbers in chunks that can grow along its first dimension.
    ///
    /// `shape` is the present shape, whose first dimension may be 0; `chunk` is the shape of a chunk,
    /// every entry at least 1.
    package func createChunked(
        _ name: String,
        _ number: HDF5Number,
        shape: [Int],
        chunk: [Int],
        compression: HDF5Compression = .none
    ) throws(HDF5Error) -> HDF5Dataset {
        precondition(shape.count == chunk.count && !shape.isEmpty, "one chunk size per dimension")
        return try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let creation = try datasetCreation(context)
            let chunkShape = chunk.map { hsize_t($0) }
            try context.check(H5Pset_chunk(creation.value, Int32(chunk.count), chunkShape))
            switch compression {
            case .none: break
            case .shuffledDeflate(let level):
                try context.check(H5Pset_shuffle(creation.value))
                try context.check(H5Pset_deflate(creation.value, UInt32(level)))
            case .deflate(let level):
                try context.check(H5Pset_deflate(creation.value, UInt32(level)))
            }
            let present = shape.map { hsize_t($0) }
            var maximum = present
            maximum[0] = chdf5_unlimited()
            let space = try LibraryID(
                H5Screate_simple(Int32(shape.count), present, maximum),
                context
            )
            return try create(name, number.libraryType, space.value, creation.value, context)
        }
    }

    /// Writes an array of numbers in one piece.
    @discardableResult
    package func writeNumbers<T: HDF5Scalar>(
        _ name: String,
        _ values: [T],
        shape: [Int]? = nil
    ) throws(HDF5Error) -> HDF5Dataset {
        let shape = shape ?? [values.count]
        precondition(shape.reduce(1, *) == values.count, "values do not fill the shape")
        return try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let dataset = try createContiguous(name, T.hdf5Number, shape: shape)
            try dataset.writeAll(values, HDF5Type.number(T.hdf5Number, isNative: true))
            return dataset
        }
    }

    /// Writes one number without a dimension.
    @discardableResult
    package func writeScalar<T: HDF5Scalar>(
        _ name: String,
        _ value: T
    ) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            let creation = try datasetCreation(context)
            let type = T.hdf5Number.libraryType
            let dataset = try create(name, type, space.value, creation.value, context)
            try dataset.writeAll([value], HDF5Type.number(T.hdf5Number, isNative: true))
            return dataset
        }
    }

    /// Writes one boolean without a dimension.
    @discardableResult
    package func writeScalar(_ name: String, _ value: Bool) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            let creation = try datasetCreation(context)
            let type = try LibraryID(chdf5_boolean(), context)
            let dataset = try create(name, type.value, space.value, creation.value, context)
            try dataset.writeAll([value ? 1 : 0] as [Int8], .boolean)
            return dataset
        }
    }

    /// Writes one variable-length UTF-8 text without a dimension.
    @discardableResult
    package func writeScalar(_ name: String, _ text: String) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let space = try LibraryID(H5Screate(H5S_SCALAR), context)
            return try writeTexts(name, [text], space.value, context)
        }
    }

    /// Writes a list of variable-length UTF-8 texts.
    @discardableResult
    package func writeTexts(_ name: String, _ texts: [String]) throws(HDF5Error) -> HDF5Dataset {
        try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let context = childContext("creating", name)
            let space = try simpleSpace([texts.count], context)
            return try writeTexts(name, texts, space.value, context)
        }
    }

    /// Writes an array of booleans as the enumeration that h5py reads as such.
    @discardableResult
    package func writeBooleans(
        _ name: String,
        _ values: [Bool],
        shape: [Int]? = nil
    ) throws(HDF5Error) -> HDF5Dataset {
        let shape = shape ?? [values.count]
        precondition(shape.reduce(1, *) == values.count, "values do not fill the shape")
        return try HDF5Thread.perform { () throws(HDF5Error) -> HDF5Dataset in
            let dataset = try createContiguousBooleans(name, shape: shape)
            try dataset.writeAll(values.map { $0 ? 1 : 0 } as [Int8], .boolean)
            return dataset
        }
    }

    private func writeTexts(
        _ name: String,
        _ texts: [String],
        _ space: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> HDF5Dataset {
        let creation = try datasetCreation(context)
        let type = try LibraryID(chdf5_variable_string(true), context)
        let dataset = try create(name, type.value, space, creation.value, context)
        guard !texts.isEmpty else { return dataset }
        let status = withTextPointers(texts) { pointers in
            H5Dwrite(
                dataset.token.id,
                type.value,
                chdf5_all(),
                chdf5_all(),
                chdf5_default(),
                pointers
            )
        }
        try context.check(status)
        return dataset
    }

    private func datasetCreation(_ context: CallContext) throws(HDF5Error) -> LibraryID {
        let creation = try LibraryID(H5Pcreate(chdf5_dataset_create_class()), context)
        try context.check(H5Pset_obj_track_times(creation.value, false))
        return creation
    }

    private func create(
        _ name: String,
        _ type: hid_t,
        _ space: hid_t,
        _ creation: hid_t,
        _ context: CallContext
    ) throws(HDF5Error) -> HDF5Dataset {
        let id = H5Dcreate2(
            token.id,
            name,
            type,
            space,
            chdf5_default(),
            creation,
            chdf5_default()
        )
        return try HDF5Dataset(
            file: file,
            path: childPath(name),
            handle: HDF5Handle(id, parent: file.handle, context),
            context
        )
    }
}
